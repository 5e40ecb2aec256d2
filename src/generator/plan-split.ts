import type { GraphNode } from './graph-parts.js';
import type { ModelState } from './manifest.js';

/** Where a graph is split, and what its stages have to give. */
export interface SplitPoints {
  /** For each split the tensors inside the graph that go from the stage before it to the one after. */
  readonly splits: readonly (readonly string[])[];
  /** Name of the graph's picture output: the last stage gives it. */
  readonly output: string;
  /** What the graph hands itself from frame to frame. */
  readonly states: readonly ModelState[];
}

/** One stage of a graph that is split. */
export interface StagePlan {
  /** The tensors that the stage before gives; none for the first. */
  readonly takes: readonly string[];
  /** The tensors that go on to the next stage; none for the last, which gives the picture. */
  readonly gives: readonly string[];
  /** What it remembers. Every state is one stage's. */
  readonly states: readonly ModelState[];
  /** The nodes that it is made of. */
  readonly nodes: ReadonlySet<GraphNode>;
  /** All tensors that these nodes read and that it gives, weights and inputs among them. */
  readonly tensors: ReadonlySet<string>;
}

/** What some tensors depend on. */
type Needed = Pick<StagePlan, 'nodes' | 'tensors'>;

/**
 * Which nodes, and which states, belong to which stage of a graph. A state belongs to the stage that reads it, which has to
 * be the one that can give it; what several stages depend on, such as arithmetic on the frame's size, is in all of them.
 *
 * @param nodes - The graph's, in an order in which they can be run.
 * @throws Error, when the graph can't be split at these tensors.
 */
export function planSplit(nodes: readonly GraphNode[], points: SplitPoints): readonly StagePlan[] {
  const { splits, states } = points;
  checkTensors(nodes, points);
  const results = resultsOf(points);
  const pictures = results.map((result, stage) => collect(nodes, result, splits[stage - 1]));
  for (const [index, tensors] of splits.entries()) {
    if (unread(tensors, pictures[index + 1]).length === tensors.length) {
      throw new Error(`${quoted(results[index + 1])} doesn't depend on ${quoted(tensors)}`);
    }
  }
  const owners = ownersOf(nodes, points, pictures);
  return results.map((result, stage) => {
    const own = states.filter((_, index) => owners[index] === stage);
    const takes = splits[stage - 1] ?? [];
    const needed = collect(nodes, [...result, ...own.map((state) => state.output)], takes);
    checkAlone(needed, stage, points, owners);
    return { takes, gives: splits[stage] ?? [], states: own, ...needed };
  });
}

/** What each stage gives beside what it remembers: the tensors of a split, or the picture. */
function resultsOf({ splits, output }: SplitPoints): readonly (readonly string[])[] {
  return [...splits, [output]];
}

/** What these tensors depend on; a tensor that is given depends on nothing. */
function collect(nodes: readonly GraphNode[], wanted: readonly string[], given: readonly string[] = []): Needed {
  const needed = { nodes: new Set<GraphNode>(), tensors: new Set(wanted) };
  for (const node of nodes.toReversed()) {
    if (node.makes.some((name) => !given.includes(name) && needed.tensors.has(name))) {
      needed.nodes.add(node);
      node.reads.forEach((name) => needed.tensors.add(name));
    }
  }
  return needed;
}

/** Those of some tensors that no node of a stage reads. */
function unread(tensors: readonly string[], stage: Needed | undefined): readonly string[] {
  const read = new Set([...(stage?.nodes ?? [])].flatMap(({ reads }) => [...reads]));
  return tensors.filter((tensor) => !read.has(tensor));
}

/** Names of what comes from a tensor, itself included. */
function comingFrom(nodes: readonly GraphNode[], tensor: string): ReadonlySet<string> {
  const names = new Set([tensor]);
  for (const { reads, makes } of nodes) {
    if ([...reads].some((name) => names.has(name))) {
      makes.forEach((name) => names.add(name));
    }
  }
  return names;
}

/** The stage of each state, by the numbers of both. */
function ownersOf(nodes: readonly GraphNode[], points: SplitPoints, pictures: readonly Needed[]): readonly number[] {
  const results = resultsOf(points);
  const after = points.splits.flatMap((tensors, split) =>
    tensors.map((tensor) => ({ split, tensor, names: comingFrom(nodes, tensor) })),
  );
  return points.states.map((state) => {
    const readers = [...pictures.keys()].filter((stage) => pictures[stage]?.tensors.has(state.input));
    const [first, second] = readers;
    if (first !== undefined && second !== undefined) {
      const [one, other] = [quoted(results[first]), quoted(results[second])];
      throw new Error(`both what gives ${one} and what gives ${other} read the state "${state.input}"`);
    }
    if (first === undefined) {
      // A state that nothing but itself depends on is nobody's to read, and may be where it can be given.
      return (after.findLast(({ names }) => names.has(state.output))?.split ?? -1) + 1;
    }
    const given = collect(nodes, [state.output], points.splits[first - 1]);
    const later = new Set(pictures.slice(first + 1).flatMap((picture) => [...picture.nodes]));
    const twice = [...given.nodes].filter((node) => later.has(node)).flatMap(({ makes }) => makes);
    const source = after.findLast(({ names }) => twice.some((name) => names.has(name)));
    if (source !== undefined) {
      throw new Error(
        `what gives ${quoted(results[first])} reads the state "${state.input}", but "${state.output}", which it becomes, comes from "${source.tensor}"`,
      );
    }
    return first;
  });
}

function checkTensors(nodes: readonly GraphNode[], { splits, states }: SplitPoints): void {
  for (const tensor of splits.flat()) {
    if (!nodes.some(({ makes }) => makes.includes(tensor))) {
      throw new Error(`no node of it gives "${tensor}"`);
    }
    const state = states.find(({ output }) => output === tensor);
    if (state !== undefined) {
      throw new Error(`"${tensor}" is what the state "${state.input}" becomes`);
    }
  }
}

/** That a stage takes nothing in vain, does nothing again that one before it has done, and reads no state of another. */
function checkAlone(needed: Needed, stage: number, points: SplitPoints, owners: readonly number[]): void {
  const { splits, states } = points;
  const results = resultsOf(points);
  const result = quoted(results[stage]);
  const given = splits.slice(0, stage).flat();
  const again = given.find((tensor) => [...needed.nodes].some(({ makes }) => makes.includes(tensor)));
  if (again !== undefined) {
    throw new Error(`what gives ${result} from ${quoted(splits[stage - 1])} also needs the node that gives "${again}"`);
  }
  const foreign = states.findIndex(({ input }, index) => owners[index] !== stage && needed.tensors.has(input));
  if (foreign >= 0) {
    const owner = quoted(results[owners[foreign] ?? 0]);
    throw new Error(
      `what is remembered beside ${result} depends on the state "${states[foreign]?.input ?? ''}", which is read for ${owner}`,
    );
  }
  const [vain] = unread(splits[stage - 1] ?? [], needed);
  if (vain !== undefined) {
    throw new Error(`neither ${result} nor what is remembered beside it depends on "${vain}"`);
  }
}

function quoted(names: readonly string[] = []): string {
  return names.map((name) => `"${name}"`).join(', ');
}
