/**
 * The protocol between the server and its viewers: everything that goes over the WebSocket. It is shared with the
 * viewer page, so nothing in it (nor in the files it gathers) may import Node or any other room of the server.
 * PROTOCOL.md tells it in prose and tables; a test compares the two.
 */
export * from './protocol/client-messages.js';
export * from './protocol/limits.js';
export * from './protocol/media.js';
export * from './protocol/server-messages.js';
