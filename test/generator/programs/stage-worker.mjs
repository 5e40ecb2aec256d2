// The worker of any stage of a network, without a network. It hands over how many frames it has seen since it was last told to
// forget, and how many sets of buffers it has made to hand that over in, behind what the stages before it have handed over; the
// last makes all this, and how many frames it has seen itself, the picture's first bytes. Of several tensors each holds that, and
// one number more than the one before it: its place. A frame whose first byte is 250 + a stage's number fails there, one of
// 240 + its number ends its thread, and a stage whose input is called 'shapeless' and a tensor's name doesn't say what shape it has.
import { parentPort, workerData } from 'node:worker_threads';

const { number, takes, gives } = workerData.stage;
const shapes = gives.map((_, place) => [2 * number + place]);
let seen = 0;
let made = 0;

/** What the stages before have told, which is to be the same in all tensors that are taken. */
function read(taken) {
  const told = taken.map((buffer, place) => {
    const numbers = [...new Float32Array(buffer)];
    if (numbers.length !== takes[place].shape[0] || numbers.slice(2 * (number - 1)).some((one) => one !== place)) {
      throw new Error(`${takes[place].tensor} isn't what was given`);
    }
    return numbers.slice(0, 2 * (number - 1));
  });
  if (told.length !== takes.length || new Set(told.map(String)).size > 1) {
    throw new Error(`${told.length} tensors taken, or of several frames`);
  }
  return told[0] ?? [];
}

function run({ taken = [], given, ...buffers }) {
  const [value] = new Uint8Array(buffers.input);
  if (value === 240 + number) {
    process.exit(9);
  }
  if (value === 250 + number) {
    seen = 0;
    throw new Error('out of luck');
  }
  seen += 1;
  const told = read(taken);
  if (gives.length === 0) {
    new Uint8Array(buffers.output).set([...told, seen]);
    return { ...buffers, taken, given: [] };
  }
  if (given === undefined) {
    given = shapes.map(([length]) => new ArrayBuffer(4 * length));
    made += 1;
  }
  given.forEach((buffer, place) => new Float32Array(buffer).fill(place).set([...told, seen, made]));
  return { ...buffers, taken, given };
}

parentPort.on('message', ({ type, id, buffers }) => {
  if (type === 'close') {
    parentPort.close();
  } else if (type === 'reset') {
    seen = 0;
  } else {
    try {
      const done = run(buffers);
      const transfer = [done.input, done.output, ...done.taken, ...done.given];
      parentPort.postMessage({ type: 'done', id, buffers: done, inferMilliseconds: 1 }, transfer);
    } catch (error) {
      parentPort.postMessage({ type: 'error', id, message: error.message });
    }
  }
});
const told = gives.map((tensor, place) => ({ tensor, shape: shapes[place] }));
const isShapeless = ({ tensor }) => workerData.input === `shapeless ${tensor}`;
parentPort.postMessage({ type: 'ready', gives: told.filter((one) => !isShapeless(one)) });
