import { describe, expect, test } from 'vitest';

import type { Frame } from '../../dist/frame/frame.js';
import { createGenerator, type Generator, type GeneratorOptions } from '../../dist/generator/generator.js';
import { loadModelPackage } from '../../dist/generator/model-package.js';
import { fixture, frameOf } from '../support/models.js';

// The fixture draws the mean of all pictures that its session has seen, and fails at one whose first byte is 255.
const size = { width: 64, height: 48 };

async function open(options: Partial<GeneratorOptions> = {}): Promise<Generator> {
  const model = await loadModelPackage(fixture('running-mean'));
  return createGenerator({ model, ...size, device: 'cpu', sessions: 1, threads: 1, ...options });
}

/** A picture of one grey. */
function grey(value: number, { width, height } = size): Frame {
  return { index: 0, timestamp: 0, width, height, pixels: new Uint8Array(width * height * 3).fill(value) };
}

/** The grey that a picture of one grey becomes; an error's code where it becomes none. */
async function draw(generator: Generator, value: number): Promise<number | string> {
  const frame = grey(value);
  try {
    const translated = await generator.translate(frame, new ArrayBuffer(frame.pixels.length));
    const [first = NaN, ...others] = new Set(translated.frame.pixels);
    return others.length === 0 ? first : 'not of one grey';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** As {@link draw}, each asked for when the one before is there. */
async function drawInTurn(generator: Generator, values: readonly number[]): Promise<(number | string)[]> {
  const drawn: (number | string)[] = [];
  for (const value of values) {
    drawn.push(await draw(generator, value));
  }
  return drawn;
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

describe('a model with memory', () => {
  test('is given what it gave with the frame before, bit for bit, and nothing with the first', async () => {
    await using generator = await open();
    const mean = new Float32Array(size.width * size.height * 3);
    for (let index = 0; index < 7; index++) {
      const frame = frameOf(index, size.width, size.height);
      frame.pixels.forEach((value, i) => {
        const before = mean[i] ?? NaN;
        mean[i] = before + Math.fround(Math.fround(value - before) / (index + 1));
      });
      const { frame: translated } = await generator.translate(frame, new ArrayBuffer(mean.length));
      expect(translated.pixels).toEqual(Uint8Array.from(mean, roundHalfToEven));
    }
  });

  test('forgets at a reset, exactly between the frames given before it and those given after', async () => {
    await using generator = await open();
    const asked = [40, 60].map((value) => draw(generator, value));
    generator.reset();
    asked.push(...[100, 50].map((value) => draw(generator, value)));
    expect(await Promise.all(asked)).toEqual([40, 50, 100, 75]);
    generator.reset();
    generator.reset();
    expect(await drawInTurn(generator, [10, 20, 30])).toEqual([10, 15, 20]);
  });

  test('forgets at a run that failed: half of what it was to remember may be written', async () => {
    await using generator = await open();
    expect(await drawInTurn(generator, [40, 60, 255, 80, 100])).toEqual([40, 50, 'inference-failed', 80, 90]);
  });

  test('is not the memory of another generator of the same model', async () => {
    await using one = await open();
    await using other = await open();
    expect(await drawInTurn(one, [40, 60])).toEqual([40, 50]);
    expect(await drawInTurn(other, [200, 100])).toEqual([200, 150]);
    expect(await draw(one, 20)).toBe(40);
  });

  test('is gone with the generator, and a reset of a closed one is none', async () => {
    const generator = await open();
    const asked = [40, 60, 80].map((value) => draw(generator, value));
    await generator.close();
    generator.reset();
    expect((await Promise.all(asked)).at(-1)).toBe('canceled');
    await using another = await open();
    expect(await draw(another, 90)).toBe(90);
  });
});

describe('two sessions of a model with memory', () => {
  const values = [40, 200, 60, 100, 20, 150];
  const everyOther = [40, 200, 50, 150, 40, 150];

  test('are dealt frames in turn, so that each sees every other one', async () => {
    await using generator = await open({ sessions: 2 });
    // Asked for one by one, both sessions are free each time.
    expect(await drawInTurn(generator, values)).toEqual(everyOther);
  });

  test('draw the same video each time, however frames come and whatever came before', async () => {
    await using generator = await open({ sessions: 2 });
    for (let run = 0; run < 3; run++) {
      expect(await Promise.all(values.map((value) => draw(generator, value)))).toEqual(everyOther);
      await draw(generator, 77);
      generator.reset();
    }
  });

  test('forget each for itself when a run fails', async () => {
    await using generator = await open({ sessions: 2 });
    const drawn = await drawInTurn(generator, [40, 200, 255, 100, 90, 30]);
    expect(drawn).toEqual([40, 200, 'inference-failed', 150, 90, 110]);
  });
});

test('a state of megabytes goes round: a long video takes no more memory than a short one', async () => {
  const large = { width: 512, height: 512 };
  await using generator = await open(large);
  let { frame, source } = await generator.translate(grey(40, large), new ArrayBuffer(large.width * large.height * 3));
  const run = async (frames: number) => {
    for (let index = 0; index < frames; index++) {
      ({ frame, source } = await generator.translate(source, frame.pixels.buffer));
    }
    return process.memoryUsage.rss();
  };
  const before = await run(50);
  // 500 frames write 1.5 GB of state.
  expect((await run(500)) - before).toBeLessThan(150e6);
});

test('a graph whose state grows is refused when it is loaded, not at the second frame', async () => {
  const model = await loadModelPackage(fixture('growing-state'));
  await expect(createGenerator({ model, ...size, device: 'cpu', sessions: 2 })).rejects.toMatchObject({
    code: 'model-invalid',
    message: expect.stringMatching(
      /model\.onnx can't be run on a sequence\. State output "after" is \[1, 49, 64, 3\] after one frame and \[1, 97, 64, 3\] after the next\.$/,
    ) as string,
  });
});
