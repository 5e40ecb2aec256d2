import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * As much of an RTSP server as a network camera is: it describes one H.264 stream and plays it over its own connection.
 * ffmpeg makes the RTP packets; this hands them on.
 */
export class RtspServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #packets: UdpSocket;
  readonly #sender: ChildProcess;
  readonly #sockets = new Set<Socket>();
  readonly #playing = new Set<Socket>();
  readonly #description: string;

  private constructor(server: Server, packets: UdpSocket, sender: ChildProcess, description: string) {
    this.#server = server;
    this.#packets = packets;
    this.#sender = sender;
    this.#description = description;
    packets.on('message', (packet) => {
      const prefix = Buffer.from([0x24, 0, packet.length >> 8, packet.length & 255]);
      this.#playing.forEach((socket) => socket.write(Buffer.concat([prefix, packet])));
    });
    server.on('connection', (socket) => this.#serve(socket));
  }

  /** Plays a clip over and over; its H.264 has its parameter sets before each key, as an MPEG transport stream has. */
  static async start(program: string, clip: string, descriptionFile: string): Promise<RtspServer> {
    const packets = createSocket('udp4');
    await new Promise<void>((resolve) => packets.bind(0, '127.0.0.1', resolve));
    rmSync(descriptionFile, { force: true });
    const sender = spawn(program, [
      ...['-v', 'quiet', '-nostdin', '-re', '-stream_loop', '-1', '-i', clip, '-an', '-c', 'copy'],
      ...['-f', 'rtp', '-sdp_file', descriptionFile],
      `rtp://127.0.0.1:${packets.address().port}?pkt_size=1200`,
    ]);
    while (!existsSync(descriptionFile) || !readFileSync(descriptionFile, 'utf8').includes('rtpmap')) {
      await sleep(50);
    }
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const lines = readFileSync(descriptionFile, 'utf8').split(/\r?\n/);
    const described = lines.filter((line) => line !== '' && !line.startsWith('SDP:')).map(forOwnConnection);
    return new RtspServer(server, packets, sender, `${described.join('\r\n')}\r\na=control:track\r\n`);
  }

  /** Where it is. */
  get url(): string {
    return `rtsp://127.0.0.1:${(this.#server.address() as AddressInfo).port}/camera`;
  }

  /** Drops everybody, as a camera does that is unplugged for a moment. */
  drop(): void {
    this.#sockets.forEach((socket) => socket.destroy());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sender.kill('SIGKILL');
    await once(this.#sender, 'exit');
    this.#packets.close();
    this.drop();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    let read = '';
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#playing.delete(socket);
    });
    socket.setEncoding('latin1').on('data', (text: string) => {
      read += text;
      for (let end = read.indexOf('\r\n\r\n'); end >= 0; end = read.indexOf('\r\n\r\n')) {
        this.#answer(socket, read.slice(0, end));
        read = read.slice(end + 4);
      }
    });
  }

  #answer(socket: Socket, request: string): void {
    // What its receiver tells of the packets comes between the requests.
    const [, method = '', sequence = '0'] = /([A-Z_]+) rtsp:[^]*?\r\nCSeq: *(\d+)/i.exec(request) ?? [];
    const headers: Record<string, readonly string[]> = {
      OPTIONS: ['Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN'],
      DESCRIBE: ['Content-Type: application/sdp', `Content-Length: ${Buffer.byteLength(this.#description)}`],
      SETUP: ['Transport: RTP/AVP/TCP;unicast;interleaved=0-1', 'Session: 1'],
      PLAY: ['Session: 1'],
    };
    const body = method === 'DESCRIBE' ? this.#description : '';
    const lines = ['RTSP/1.0 200 OK', `CSeq: ${sequence}`, ...(headers[method] ?? ['Session: 1'])];
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
    if (method === 'PLAY') {
      this.#playing.add(socket);
    }
  }
}

/** A line of ffmpeg's description as it is said of a stream that comes over the connection itself. */
function forOwnConnection(line: string): string {
  return line.replace(/^m=video \d+/, 'm=video 0').replace(/^c=.*/, 'c=IN IP4 0.0.0.0');
}
