/**
 * A graph of 0.4 KB that turns a picture into its negative, to see whether a provider works at all. Made by
 * test/oracle/make-model-fixtures.py, which keeps it as test/fixtures/models/strength-missing/model.onnx, too.
 */
export const probeGraph = Buffer.from(
  'CAkSE21ha2UtbW9kZWwtZml4dHVyZXM62wIKGwoFZnJhbWUSAXgiBENhc3QqCQoCdG8YAaABAgoZCgF4CghtaW51c1R3bxIFdHdpY2UiA011bAoYCgV0' +
    'd2ljZQoFd2hpdGUSA3dheSIDQWRkChUKA3dheQoDb25lEgRzdGVwIgNNdWwKFQoBeAoEc3RlcBIFYmxlbmQiA0FkZAoXCgVibGVuZBIHcm91bmRl' +
    'ZCIFUm91bmQKJgoHcm91bmRlZBIKdHJhbnNsYXRlZCIEQ2FzdCoJCgJ0bxgCoAECEgdmaXh0dXJlKhIQASIEAAAAwEIIbWludXNUd28qDxABIgQA' +
    'AH9DQgV3aGl0ZSoNEAEiBAAAgD9CA29uZVoqCgVmcmFtZRIhCh8IAhIbCgIIAQoIEgZoZWlnaHQKBxIFd2lkdGgKAggDYi8KCnRyYW5zbGF0ZWQS' +
    'IQofCAISGwoCCAEKCBIGaGVpZ2h0CgcSBXdpZHRoCgIIA0IECgAQEQ==',
  'base64',
);
