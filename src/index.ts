/**
 * vid2vid-turbo: video translated by a one-step network, a frame a pass.
 *
 * @packageDocumentation
 */
export { compileModel, type CompileOptions } from './catalogue/compile-model.js';
export type { CompileSettings } from './catalogue/compile-settings.js';
export type { LicenceConsent } from './catalogue/consent.js';
export { findModel, type FindModelOptions } from './catalogue/find-model.js';
export { listModels, type ListModelsOptions, type ModelListing, type ModelOrigin } from './catalogue/list-models.js';
export {
  describeModelById,
  listPublishedModels,
  type ModelDescription,
  type PublishedModelListing,
} from './catalogue/list-published-models.js';
export type { LicenceTerms } from './catalogue/published.js';
export { pullModel, type PullOptions } from './catalogue/pull-model.js';
export { removeModel, type RemovedModel, type RemoveOptions } from './catalogue/remove-model.js';
export { verifyModel, verifyModels, type VerifyOptions } from './catalogue/verify-model.js';
export type { ModelProgress, OnModelProgress } from './catalogue/work-progress.js';
export {
  CanceledError,
  DeviceError,
  DownloadError,
  FfmpegError,
  InputError,
  LicenceError,
  ModelError,
  OutputError,
  ServerError,
  UsageError,
  Vid2VidError,
  type ErrorCode,
  type ErrorDetails,
} from './errors/errors.js';
export { FramePool } from './frame/frame-pool.js';
export type { Frame, FrameSink, FrameSource, Rational, RgbPixels, VideoFormat } from './frame/frame.js';
export type { ConditionValues } from './generator/conditions.js';
export { deviceNames, providerNames, type DeviceName, type ProviderName } from './generator/execution-providers.js';
export { createGenerator, type Generator, type GeneratorOptions, type Translation } from './generator/generator.js';
export { listProviders, type ProviderListing } from './generator/list-providers.js';
export type {
  ModelCondition,
  ModelFile,
  ModelGraph,
  ModelInput,
  ModelManifest,
  ModelState,
  Precision,
} from './generator/manifest.js';
export { loadModelPackage, type ModelPackage } from './generator/model-package.js';
export { openLiveTranslation } from './live/live-translation.js';
export type { AccessUnit, LiveCodec, LiveStream, LiveTrack, LiveTracks, PushedUnit } from './live/pictures.js';
export type { LivePercentiles, LiveStatistics } from './live/statistics.js';
export type { LiveSourceDescription, LiveStatus, LiveTranslation, LiveTranslationOptions } from './live/types.js';
export type { LogLevel } from './server/log.js';
export type { ServeOptions } from './server/options.js';
export type { LiveServer } from './server/serve-with.js';
export { serve } from './server/serve.js';
export { inspectSystem, type FfmpegReport, type SystemProblem, type SystemReport } from './system/inspect-system.js';
export { translateFile } from './translate/translate-file.js';
export type { Stages, StageTimes, TranslateOptions, TranslateProgress, TranslateSummary } from './translate/types.js';
export type { FfmpegOrigin } from './video/ffmpeg/locate.js';
export { listCaptureDevices, type CaptureDevice } from './video/live/capture-devices.js';
export type { MediaInfo, SideStream, VideoStream } from './video/probe.js';
export type { Size } from './video/size.js';
export { openSink, type CompareLayout, type SinkOptions, type VideoSink } from './video/sink.js';
export { openSource, type SourceOptions, type VideoSource } from './video/source.js';
