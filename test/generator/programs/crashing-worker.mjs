// A session's worker that is ready at once and, at the first frame, goes down in the way that `input` names.
import { parentPort, workerData } from 'node:worker_threads';

parentPort.on('message', (request) => {
  if (request.type === 'close') {
    parentPort.close();
  } else if (workerData.input === 'throws') {
    throw new Error('out of luck');
  } else if (workerData.input === 'exits') {
    process.exit(9);
  } else if (workerData.input === 'reports') {
    parentPort.postMessage({ type: 'error', id: request.id, message: 'Error: Failed to allocate memory' });
  }
});
const gives = workerData.stage?.gives ?? [];
parentPort.postMessage({
  type: 'ready',
  gives: gives.map((tensor, at) => ({ tensor, shape: [2 * workerData.stage.number + at] })),
});
