#!/bin/sh
# Decode and encode with no model: the two ffmpeg processes of a translation joined by a pipe of the operating system,
# the same options, no Node between them.
#
# Usage: decode-encode.sh FFMPEG INPUT OUTPUT WIDTH HEIGHT AUDIO_ENCODER
set -e
quiet="-hide_banner -nostdin -nostats -loglevel error"
# shellcheck disable=SC2086
"$1" $quiet -i "$2" -map 0:v:0 \
  -vf "scale=w=$4:h=$5:in_range=limited:flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24" \
  -c:v rawvideo -f nut pipe:1 |
  "$1" $quiet -y -f nut -i pipe:0 -i "$2" -map 0:v:0 -map 1:a? \
    -vf "scale=out_color_matrix=bt601:out_range=limited:flags=bicubic+accurate_rnd,format=yuv420p" \
    -c:v libx264 -crf 18 -preset superfast -x264-params mbtree=1:rc-lookahead=10 \
    -c:a "$6" -movflags +faststart -f mp4 "$3"
