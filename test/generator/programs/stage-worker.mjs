// The worker of either stage of a network, without a network. The first hands over how many frames it has seen since it was
// last told to forget, and how many buffers it has made to hand that over in; the second makes these the picture's first
// two bytes, and fails at a frame whose first byte is 255. Where the input is called 'shapeless', what is handed over has no shape.
import { parentPort, workerData } from 'node:worker_threads';

let seen = 0;
let made = 0;

function runFirst({ handover, ...buffers }) {
  if (handover === undefined) {
    handover = new ArrayBuffer(8);
    made += 1;
  }
  seen += 1;
  new Float32Array(handover).set([seen, made]);
  return { ...buffers, handover };
}

function runSecond(buffers) {
  if (new Uint8Array(buffers.input)[0] === 255) {
    throw new Error('out of luck');
  }
  new Uint8Array(buffers.output).set(new Float32Array(buffers.handover));
  return buffers;
}

parentPort.on('message', ({ type, id, buffers }) => {
  if (type === 'close') {
    parentPort.close();
  } else if (type === 'reset') {
    seen = 0;
  } else {
    try {
      const done = (workerData.stage.half === 'first' ? runFirst : runSecond)(buffers);
      parentPort.postMessage({ type: 'done', id, buffers: done, inferMilliseconds: 1 }, Object.values(done));
    } catch (error) {
      parentPort.postMessage({ type: 'error', id, message: error.message });
    }
  }
});
parentPort.postMessage({ type: 'ready', handoverShape: workerData.input === 'shapeless' ? undefined : [2] });
