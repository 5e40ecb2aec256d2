/** Version of the protocol. Both sides state it first; a server speaks one. */
export const protocolVersion = 1;

/** Where the WebSocket is, beside the page. */
export const socketPath = '/live';

/** Longest control message (text), bytes. */
export const maxControlBytes = 16 * 1024;

/** Longest media message (binary) that a server takes, bytes with its header: a camera's picture, whatever it shows. */
export const maxMediaBytes = 4 * 1024 * 1024;

/** Pictures of a camera that may be on their way or in the works: a page sends no more until it gets credit back. */
export const cameraCredit = 2;

/** Largest width and height of a camera's pictures. */
export const maxCameraSide = 4096;

/**
 * Why a server closes a socket. Before all but `goingAway`, an `error` message tells more than a close reason can.
 *
 * | name | what happened | worth connecting again? |
 * | --- | --- | --- |
 * | goingAway | the server was stopped, or is being restarted | yes, with back-off |
 * | policy | a message that isn't allowed, or makes no sense | no: the page and the server don't fit |
 * | tooLarge | a message beyond its limit | no |
 * | internal | a fault of the server | yes, with back-off |
 * | tryLater | as many viewers as there may be | yes, after a while |
 */
export const closeCodes = {
  goingAway: 1001,
  policy: 1008,
  tooLarge: 1009,
  internal: 1011,
  tryLater: 1013,
} as const;
