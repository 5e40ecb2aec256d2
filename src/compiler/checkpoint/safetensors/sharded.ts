import path from 'node:path';

import { z } from 'zod';

import { invalidCheckpoint } from '../invalid-checkpoint.js';
import { TensorFile } from '../tensor-file.js';
import { requireTensor, type TensorDescription, type TensorSource } from '../tensor-source.js';
import { openSafetensorsFile } from './safetensors-file.js';

const maxIndexBytes = 8 * 2 ** 20;
const maxShards = 1024;

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens the files that a `*.safetensors.index.json` names, all in its own folder, as one source.
 *
 * @throws ModelError, when the index or one of its files is missing or unsound, or lacks a tensor that the index names.
 */
export async function openShardedSafetensors(indexPath: string): Promise<TensorSource> {
  const weightMap = await readIndex(indexPath);
  const shards = new Map<string, TensorSource>();
  try {
    for (const [name, fileName] of weightMap) {
      let shard = shards.get(fileName);
      if (shard === undefined) {
        if (shards.size === maxShards) {
          throw invalidCheckpoint(`${indexPath} names more than ${maxShards} files.`);
        }
        shard = await openSafetensorsFile(path.join(path.dirname(indexPath), fileName));
        shards.set(fileName, shard);
      }
      requireTensor(shard, name);
    }
  } catch (cause) {
    await closeAll(shards);
    throw cause;
  }
  return new ShardedSource(indexPath, weightMap, shards);
}

async function readIndex(indexPath: string): Promise<Map<string, string>> {
  await using file = await TensorFile.open(indexPath);
  if (file.size > maxIndexBytes) {
    throw invalidCheckpoint(`${indexPath} has ${file.size} bytes; an index has at most ${maxIndexBytes}.`);
  }
  let index: z.infer<typeof indexSchema>;
  try {
    index = indexSchema.parse(JSON.parse((await file.readBytes(0, file.size)).toString('utf8')));
  } catch (cause) {
    throw invalidCheckpoint(`${indexPath} is not the index of safetensors files.`, undefined, cause);
  }
  const weightMap = new Map(Object.entries(index.weight_map));
  for (const fileName of weightMap.values()) {
    // An index that could name a file outside its folder could have any file opened.
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors$/.test(fileName)) {
      throw invalidCheckpoint(`${indexPath} names "${fileName}", which is not a safetensors file in its own folder.`);
    }
  }
  return weightMap;
}

async function closeAll(shards: ReadonlyMap<string, TensorSource>): Promise<void> {
  await Promise.all([...shards.values()].map((shard) => shard.close()));
}

class ShardedSource implements TensorSource {
  constructor(
    readonly description: string,
    private readonly weightMap: ReadonlyMap<string, string>,
    private readonly shards: ReadonlyMap<string, TensorSource>,
  ) {}

  names(): Iterable<string> {
    return this.weightMap.keys();
  }

  describe(name: string): TensorDescription | undefined {
    return this.#shardOf(name)?.describe(name);
  }

  async read(name: string): Promise<Float32Array> {
    requireTensor(this, name);
    return (this.#shardOf(name) ?? this).read(name);
  }

  close(): Promise<void> {
    return closeAll(this.shards);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #shardOf(name: string): TensorSource | undefined {
    return this.shards.get(this.weightMap.get(name) ?? '');
  }
}
