/**
 * Number format of a graph's weights and of its arithmetic.
 *
 * @group Models
 */
export type Precision = 'fp32' | 'fp16' | 'int8';

/**
 * A file of a model package, and how to tell that it is whole.
 *
 * @group Models
 */
export interface ModelFile {
  /** Plain name inside the package's folder. */
  readonly file: string;
  /** Its length. */
  readonly bytes: number;
  /** SHA-256 of its content, lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * One ONNX graph of a package. All graphs of a package draw the same picture, at different precisions.
 *
 * @group Models
 */
export interface ModelGraph extends ModelFile {
  /** Number format of its weights. */
  readonly precision: Precision;
  /** Version of the ONNX operators it uses. */
  readonly opset: number;
  /**
   * Where the graph can be split into stages, one more than there are splits: for each the names of the float32 tensors inside
   * it that go from one stage to the next, all that does but for the frame and the conditions. A state is read and given by
   * one stage only, the picture by the last. Where a CPU has several threads to run the graph with, its stages then work on a
   * frame each. Without it the graph is run as a whole.
   */
  readonly splitAt?: readonly (readonly string[])[] | undefined;
  /** Files beside it that hold its weights, where it is too large for one file. */
  readonly externalData?: readonly ModelFile[] | undefined;
}

/**
 * A number that a graph takes beside the frame.
 *
 * @group Models
 */
export interface ModelCondition {
  /** What the number means; users set it by this name. */
  readonly kind: 'strength' | 'time' | 'seed' | 'guidance';
  /** Name of the graph's input, one float32. */
  readonly input: string;
  /** Least value allowed. */
  readonly minimum?: number | undefined;
  /** Greatest value allowed. */
  readonly maximum?: number | undefined;
  /** Value where the user sets none. */
  readonly default: number;
}

/**
 * What a graph hands itself from frame to frame: the output of one frame is fed as the input of the next.
 *
 * @group Models
 */
export interface ModelState {
  /** Name of the graph's input, float32. */
  readonly input: string;
  /** Name of the graph's output, float32, of as many dimensions. Its shape is the same after every frame. */
  readonly output: string;
  /** Shape of what is fed with the first frame of a sequence; the graph broadcasts it. */
  readonly initialShape: readonly number[];
  /** The number that it is filled with. The graph is to take it for "nothing seen yet". */
  readonly initial: number;
}

/**
 * The graph's picture input: uint8, [1, height, width, 3], RGB; and the sizes it works at.
 *
 * @group Models
 */
export interface ModelInput {
  /** Name of the graph's input. */
  readonly name: string;
  /** Width and height are to be multiples of this. Default 2. */
  readonly sizeMultiple: number;
  /** Least width. */
  readonly minWidth: number;
  /** Least height. */
  readonly minHeight: number;
  /** Greatest width. */
  readonly maxWidth: number;
  /** Greatest height. */
  readonly maxHeight: number;
  /**
   * Pixels of the short side that the model was made for, in large models: larger pictures are scaled down to it and the
   * result back up, unless the user says otherwise. Without it pictures keep their size.
   */
  readonly workingSize?: number | undefined;
}

/**
 * What `manifest.json` of a model package says.
 *
 * @group Models
 */
export interface ModelManifest {
  /** Always 1. */
  readonly formatVersion: 1;
  /** Name of this model, unique among models. */
  readonly id: string;
  /** What it does to a picture; several models may share an effect. */
  readonly effect: string;
  /** Its name for people. */
  readonly title: string;
  /** One or two sentences. */
  readonly description: string;
  /** Version of the weights. */
  readonly version: string;
  /** SPDX identifier of the licence of the weights. */
  readonly licence: string;
  /** Where it comes from. */
  readonly source: string;
  /** The graphs, at least one. */
  readonly graphs: readonly ModelGraph[];
  /** The picture that goes in. */
  readonly input: ModelInput;
  /** The picture that comes out, of the same size and form. */
  readonly output: {
    /** Name of the graph's output. */
    readonly name: string;
  };
  /** Numbers the graph takes beside the frame. */
  readonly conditions: readonly ModelCondition[];
  /** What the graph remembers from frame to frame. Default: nothing. */
  readonly states: readonly ModelState[];
  /** How the weights were made: data, teacher, training. */
  readonly provenance: Readonly<Record<string, unknown>>;
  /** Measured quality and speed. */
  readonly figures?: Readonly<Record<string, unknown>> | undefined;
}
