/** Baseline, main and high profile, at a level that holds 1920x1080. */
const asked = ['avc1.42E028', 'avc1.4D4028', 'avc1.640028'];

/** The H.264 that this browser decodes, as WebCodecs calls it; none without WebCodecs. */
export async function decodableCodecs(): Promise<readonly string[]> {
  if (typeof VideoDecoder !== 'function') {
    return [];
  }
  const answers = asked.map(async (codec) => {
    const { supported } = await VideoDecoder.isConfigSupported({ codec, optimizeForLatency: true });
    return supported === true ? [codec] : [];
  });
  return (await Promise.all(answers)).flat();
}
