/** NAL unit types of H.264. */
const nalTypes = { idr: 5, sequenceParameters: 7, pictureParameters: 8 } as const;

/** The NAL units of an Annex B access unit, each without its start code. */
export function nalUnits(accessUnit: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(accessUnit.buffer, accessUnit.byteOffset, accessUnit.byteLength);
  const units: Uint8Array[] = [];
  let start = -1;
  for (let mark = bytes.indexOf(startCode); mark >= 0; mark = bytes.indexOf(startCode, mark + startCode.length)) {
    if (start >= 0) {
      units.push(withoutTrailingZeros(bytes.subarray(start, mark)));
    }
    start = mark + startCode.length;
  }
  return start < 0 ? units : [...units, withoutTrailingZeros(bytes.subarray(start))];
}

const startCode = Buffer.from([0, 0, 1]);

/** A start code of four bytes begins with a zero that belongs to no unit. */
function withoutTrailingZeros(unit: Buffer): Buffer {
  let end = unit.length;
  while (end > 0 && unit[end - 1] === 0) {
    end -= 1;
  }
  return unit.subarray(0, end);
}

function typeOf(unit: Uint8Array): number {
  return (unit[0] ?? 0) & 0x1f;
}

/** Whether an Annex B access unit is a key frame that a decoder can begin with: SPS, PPS and an IDR picture. */
export function isDecodableKey(accessUnit: Uint8Array): boolean {
  const types = nalUnits(accessUnit).map(typeOf);
  return Object.values(nalTypes).every((type) => types.includes(type));
}

/** SPS and PPS of a key frame in Annex B form: what a container's header wants. */
export function parameterSets(accessUnit: Uint8Array): Uint8Array {
  const wanted: readonly number[] = [nalTypes.sequenceParameters, nalTypes.pictureParameters];
  return Buffer.concat(
    nalUnits(accessUnit)
      .filter((unit) => wanted.includes(typeOf(unit)))
      .flatMap((unit) => [Buffer.from([0]), startCode, unit]),
  );
}

/**
 * The codec of a key frame as browsers call it, `avc1.` and profile, constraints and level of its SPS in hexadecimal (RFC
 * 6381); undefined where it has no SPS.
 */
export function codecString(accessUnit: Uint8Array): string | undefined {
  const sps = nalUnits(accessUnit).find((unit) => typeOf(unit) === nalTypes.sequenceParameters);
  return sps === undefined || sps.length < 4
    ? undefined
    : `avc1.${Buffer.from(sps.subarray(1, 4)).toString('hex').toUpperCase()}`;
}
