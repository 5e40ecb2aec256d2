/** What of the muxer's library is used: all else stays out of the page. */
export { BufferTarget, EncodedPacket, EncodedVideoPacketSource, Mp4OutputFormat, Output } from 'mediabunny';
