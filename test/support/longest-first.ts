import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take minutes: begun late, each would keep its core busy while the other one has nothing left to do. */
const long = ['test/training/own-tests', 'test/training/own-model', 'test/translate/real-media'];

/** Begins with the files that take longest; what comes after them is vitest's to choose. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => long.some((name) => moduleId.includes(name));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
