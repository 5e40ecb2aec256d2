import { DeviceError, ModelError, type Vid2VidError } from '../errors/errors.js';
import { executionProviders, type ProviderName } from './execution-providers.js';

/** What a session was to be. */
export interface SessionPurpose {
  /** The graph's file, for messages. */
  readonly graph: string;
  /** Where it was to run. */
  readonly provider: ProviderName;
  /** What it gives the next stage, where it is one stage of a graph that was split. */
  readonly stage?: { readonly gives: readonly string[] } | undefined;
}

interface Explanation {
  /** What onnxruntime 1.30 says, or the worker before it hands the graph over. */
  readonly pattern: RegExp;
  readonly explain: (match: RegExpExecArray, purpose: SessionPurpose, cause: unknown) => Vid2VidError;
}

const exportAgain = 'Export the model again, for ONNX opset 17 with standard operators.';

// Failures that are the graph's own fault, on whichever device. Anything else is the device's.
const explanations: readonly Explanation[] = [
  {
    pattern: /Opset (\d+) is under development.*?till opset (\d+)/s,
    explain: ([, found, last], { graph }, cause) =>
      new ModelError(
        'model-invalid',
        `${graph} is written in opset ${found ?? '?'}; onnxruntime knows opsets up to ${last ?? '?'}.`,
        { remedy: exportAgain, cause },
      ),
  },
  {
    pattern: /No Op registered for (\w+)|([\w.]+)\(-?\d+\) is not a registered function\/op/,
    explain: ([, operator, function_], { graph }, cause) =>
      new ModelError(
        'model-invalid',
        `${graph} uses an operator that onnxruntime doesn't have: ${operator ?? function_ ?? '?'}.`,
        {
          remedy: exportAgain,
          cause,
        },
      ),
  },
  {
    pattern: /Could not find an implementation for ([\w.]+\(\d+\))/,
    explain: ([, operator], { graph, provider }, cause) =>
      new ModelError('model-invalid', `${graph} uses ${operator ?? '?'}, which onnxruntime can't run on ${provider}.`, {
        remedy: exportAgain,
        cause,
      }),
  },
  {
    pattern: /^State output ".*/,
    explain: ([found], { graph }, cause) =>
      new ModelError('model-invalid', `${graph} can't be run on a sequence. ${found}`, {
        remedy: 'Export the model again, with a state whose shape depends on nothing but the size of the frame.',
        cause,
      }),
  },
  {
    pattern:
      /ModelProto|protobuf|INVALID_GRAPH|INVALID_PROTOBUF|INVALID_ARGUMENT|Type Error|external data|NO_SUCHFILE|ENOENT|cut off|not an ONNX file/i,
    explain: (match, { graph }, cause) =>
      new ModelError('model-invalid', `${graph} is not a graph that onnxruntime can load: ${oneLine(match.input)}`, {
        remedy: 'Fetch or export the model again.',
        cause,
      }),
  },
];

/** The error to throw when a session could not be started, from what onnxruntime said. */
export function explainStartFailure(message: string, purpose: SessionPurpose): Vid2VidError {
  const cause = new Error(message);
  const { told, found } = typeInstead(message);
  if (told !== undefined && purpose.stage?.gives.includes(told)) {
    return cannotSplit(purpose.graph, [told], `it is ${found ?? '?'}, not float32`, cause);
  }
  for (const { pattern, explain } of explanations) {
    const match = pattern.exec(message);
    if (match !== null) {
      return explain(match, purpose, cause);
    }
  }
  const { graph, provider } = purpose;
  if (provider === 'cpu' && !outOfMemory.test(message) && !noRuntime.test(message)) {
    return new ModelError('model-invalid', `${graph} doesn't run: ${oneLine(message)}`, {
      remedy: exportAgain,
      cause,
    });
  }
  return new DeviceError('device-unavailable', `${provider} can't be used: ${oneLine(message)}`, {
    remedy: outOfMemory.test(message) ? smaller : executionProviders[provider].remedy,
    cause,
  });
}

/** The error to throw when a graph can't be split at tensors as its manifest says. */
export function cannotSplit(graph: string, tensors: readonly string[], reason: string, cause?: unknown): ModelError {
  const names = tensors.map((tensor) => `"${tensor}"`).join(', ');
  return new ModelError('model-invalid', `${graph} can't be split at ${names}: ${reason}.`, {
    remedy: 'Correct "splitAt" in the manifest or leave it out, or fetch the model package again.',
    cause,
  });
}

/** The tensor that a message says isn't float32, and what it is instead. */
function typeInstead(message: string): { readonly told?: string; readonly found?: string } {
  return (
    /output arg \((?<told>.+?)\) of node .* expected type \(tensor\((?<found>\w+)\)\)/.exec(message)?.groups ??
    /^Tensor "(?<told>.+)", at which it is split, is (?<found>\w+)/.exec(message)?.groups ??
    {}
  );
}

/** The error to throw when a run failed. */
export function explainRunFailure(message: string, { graph, provider }: SessionPurpose): DeviceError {
  return new DeviceError('inference-failed', `Running ${graph} on ${provider} failed: ${oneLine(message)}`, {
    remedy: outOfMemory.test(message) ? smaller : 'Try another device (--device cpu), or a smaller size.',
    cause: new Error(message),
  });
}

const outOfMemory = /failed to allocate|bad_alloc|out of memory|bad allocation|RESOURCE_EXHAUSTED/i;
// Node.js, when onnxruntime-node has no binary for this machine or it can't be loaded.
const noRuntime = /Cannot find module|shared object|dlopen|DLOPEN|not a valid Win32/;
const smaller = 'Memory ran out: translate at a smaller size (--size) or with fewer sessions (--sessions 1).';

/** onnxruntime's messages without their source lines and line breaks. */
function oneLine(message: string): string {
  const line = message
    .replace(/\s*\n\s*/g, ' ')
    .replace(/^Error: /, '')
    .replace(/^.* was false\. /, '')
    .replace(/^OrtSessionOptionsAppendExecutionProvider_\w+: /, '')
    .replace(/(\/\S+|[A-Z]:\\\S+)\.(cc|h|cpp):\d+ \S+ ?/g, '')
    .trim();
  return line.length > 300 ? `${line.slice(0, 300)}...` : line;
}
