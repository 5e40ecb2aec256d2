import { expect, test } from 'vitest';

import { hideAddresses, hidePlaces } from '../../dist/server/secrets.js';

test.each([
  ['"rtsp://user:secret@camera.local:554/stream?key=secret" ended.', '"rtsp://camera.local:554" ended.'],
  ['rtmp://example.org/live/secret refused', 'rtmp://example.org refused'],
])('addresses in a log: %s', (text, shown) => {
  expect(hideAddresses(text)).toBe(shown);
});

test.each([
  ['"/home/secret/my films/drive.mp4" is playing.', '"drive.mp4" is playing.'],
  ['"secret/drive.mp4" is over.', '"drive.mp4" is over.'],
  [String.raw`"C:\Users\secret\drive.mp4" is over.`, '"drive.mp4" is over.'],
  ['Running /home/secret/models/rain/model.onnx on cpu failed: bad.', 'Running model.onnx on cpu failed: bad.'],
  ['file:/home/secret/drive.mp4: Invalid data', 'file:drive.mp4: Invalid data'],
  ['"rtsp://user:secret@camera.local/stream" ended.', '"rtsp://camera.local" ended.'],
  ['There is no camera "/dev/video9".', 'There is no camera "video9".'],
  ['12 of 25 pictures/s, and/or less.', '12 of 25 pictures/s, and/or less.'],
])('places that viewers are told of: %s', (text, shown) => {
  expect(hidePlaces(text)).toBe(shown);
});
