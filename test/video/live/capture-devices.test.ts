import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, test } from 'vitest';

import { listVideo4Linux, parseAvfoundationList, parseDshowList } from '../../../dist/video/live/capture-devices.js';
import { temporaryFolder } from '../../support/models.js';

test('Linux: cameras by number, nodes without a picture left out', async () => {
  const folder = await temporaryFolder();
  const [nodes, system] = [path.join(folder, 'dev'), path.join(folder, 'sys')];
  await mkdir(nodes);
  const devices: [string, string, string][] = [
    ['video0', '0', 'HD Webcam C525'],
    ['video1', '1', 'HD Webcam C525'],
    ['video10', '0', 'Virtual camera'],
    ['video2', '0', 'Grabber'],
  ];
  for (const [name, index, title] of devices) {
    await mkdir(path.join(system, name), { recursive: true });
    await writeFile(path.join(nodes, name), '');
    await writeFile(path.join(system, name, 'index'), `${index}\n`);
    await writeFile(path.join(system, name, 'name'), `${title}\n`);
  }
  expect(await listVideo4Linux(system, nodes)).toEqual([
    { id: path.join(nodes, 'video0'), name: 'HD Webcam C525', backend: 'v4l2' },
    { id: path.join(nodes, 'video2'), name: 'Grabber', backend: 'v4l2' },
    { id: path.join(nodes, 'video10'), name: 'Virtual camera', backend: 'v4l2' },
  ]);
  expect(await listVideo4Linux(path.join(folder, 'none'), nodes)).toEqual([]);
});

const avfoundation = `[AVFoundation indev @ 0x7f8] AVFoundation video devices:
[AVFoundation indev @ 0x7f8] [0] FaceTime HD Camera (Built-in)
[AVFoundation indev @ 0x7f8] [1] Capture screen 0
[AVFoundation indev @ 0x7f8] AVFoundation audio devices:
[AVFoundation indev @ 0x7f8] [0] MacBook Pro Microphone
: Input/output error
`;

test('macOS: cameras, but neither screens nor microphones', () => {
  expect(parseAvfoundationList(avfoundation)).toEqual([
    {
      id: 'FaceTime HD Camera (Built-in)',
      name: 'FaceTime HD Camera (Built-in)',
      backend: 'avfoundation',
    },
  ]);
});

const dshowOld = `[dshow @ 000001] DirectShow video devices (some may be both video and audio devices)\r
[dshow @ 000001]  "Integrated Camera"\r
[dshow @ 000001]     Alternative name "@device_pnp_\\\\?\\usb#vid_04f2"\r
[dshow @ 000001] DirectShow audio devices\r
[dshow @ 000001]  "Microphone (Realtek Audio)"\r
[dshow @ 000001]     Alternative name "@device_cm_{33D9A762}"\r
dummy: Immediate exit requested\r
`;

const dshowNew = `[dshow @ 000001] "Integrated Camera" (video)\r
[dshow @ 000001]   Alternative name "@device_pnp_\\\\?\\usb#vid_04f2"\r
[dshow @ 000001] "OBS Virtual Camera" (none)\r
[dshow @ 000001]   Alternative name "@device_sw_{860BB310}"\r
[dshow @ 000001] "Microphone (Realtek Audio)" (audio)\r
`;

test('Windows: cameras, as old and new versions of ffmpeg list them', () => {
  expect(parseDshowList(dshowOld).map(({ id }) => id)).toEqual(['Integrated Camera']);
  expect(parseDshowList(dshowNew).map(({ id }) => id)).toEqual(['Integrated Camera', 'OBS Virtual Camera']);
});
