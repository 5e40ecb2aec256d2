/** Type of a network abstraction layer unit that holds a sequence parameter set. */
const sequenceParameterSet = 7;

/**
 * Codec of an H.264 access unit in Annex B form, as WebCodecs calls it (`avc1.42E01F`: profile, constraints and level of
 * its sequence parameter set, ITU-T H.264 7.3.2.1.1); undefined where it has none, and so can't be begun with.
 */
export function codecOfAnnexB(data: Uint8Array): string | undefined {
  for (let at = 0; at + 6 < data.length; at++) {
    if (data[at] !== 0 || data[at + 1] !== 0 || data[at + 2] !== 1) {
      continue;
    }
    if (((data[at + 3] ?? 0) & 0x1f) === sequenceParameterSet) {
      const profile = [...data.subarray(at + 4, at + 7)];
      return `avc1.${profile.map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join('')}`;
    }
  }
  return undefined;
}
