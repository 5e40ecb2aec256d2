import { spawnSync } from 'node:child_process';

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { ffmpeg, MediaFolder, realClip, runTool, sharedData } from '../support/media.js';
import { browserPath, startBrowser } from './browser.js';
import { LiveServer } from './live-server.js';
import { eventually, ViewerPage } from './viewer-page.js';

const token = 'a-token-of-the-test';
/** A name that the browser takes for another machine's; it leads to this one. */
const elsewhere = 'studio.example';
const canMakeCertificates = spawnSync('openssl', ['version']).status === 0;
if (!canMakeCertificates) {
  console.warn('SKIPPED: the tests of https, since there is no openssl on PATH to make a certificate with.');
}

/** Gives the token that the page asks for. */
async function signIn(page: Page): Promise<void> {
  await page.getByLabel('Token').fill('a-wrong-token');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
}

describe.skipIf(browserPath === undefined || sharedData === undefined)('from another machine', () => {
  const folder = new MediaFolder();
  let browser: Browser;
  let server: LiveServer | undefined;

  beforeAll(async () => {
    const film = folder.file('day.mjpeg');
    const clip = realClip('highway-day-960x540-aac.mp4');
    ffmpeg('-i', clip, '-t', '4', '-vf', 'scale=640:360,format=yuvj420p', '-q:v', '4', '-an', film);
    browser = await startBrowser({ film }, `--host-resolver-rules=MAP ${elsewhere} 127.0.0.1`);
  });
  afterEach(async () => {
    await server?.stop();
    server = undefined;
  });
  afterAll(async () => {
    await browser.close();
    folder.remove();
  });

  test.skipIf(!canMakeCertificates)('over https: the token is asked for, and the camera is there', async () => {
    const [certificate, key] = [folder.file('cert.pem'), folder.file('key.pem')];
    const subject = ['-subj', `/CN=${elsewhere}`, '-addext', `subjectAltName=DNS:${elsewhere}`];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-days', '2'];
    runTool('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', certificate, ...subject]);
    server = await LiveServer.start(
      ...['--host', '0.0.0.0', '--token', token, '--tls-cert', certificate, '--tls-key', key],
    );
    expect(server.url).toMatch(/^https:/);
    const viewer = await ViewerPage.open(browser, `https://${elsewhere}:${server.port}/`, {
      ...{ ignoreHTTPSErrors: true, permissions: ['camera'] },
    });
    const { page } = viewer;
    await signIn(page);
    await page.getByRole('button', { name: 'Use my camera' }).click();
    await viewer.plays();
    expect(await page.evaluate(() => isSecureContext)).toBe(true);
    expect(await viewer.decoder()).toMatch(/^webcodecs/);
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ secure: true, httpOnly: true, sameSite: 'Strict' });
    expect(cookie?.value).not.toContain(token);
    expect(viewer.errors.filter((error) => !error.includes('401'))).toEqual([]);
    await viewer.close();
  });

  test('over plain http: the page says why there is no camera, and what to do', async () => {
    server = await LiveServer.start('--host', '0.0.0.0', '--token', token);
    const viewer = await ViewerPage.open(browser, `http://${elsewhere}:${server.port}/`);
    const { page } = viewer;
    await signIn(page);
    await page.getByRole('heading', { name: 'The camera needs a secure page' }).waitFor();
    await eventually(() => page.locator('#notice').textContent()).toMatch(/--tls-cert and --tls-key/);
    expect(await page.evaluate(() => isSecureContext)).toBe(false);
    expect(viewer.errors.filter((error) => !/401|Cross-Origin-Opener-Policy/.test(error))).toEqual([]);
    await viewer.close();
  });

  test('over plain http a stream plays all the same, picture by picture', async () => {
    const clip = realClip('highway-day-960x540-aac.mp4');
    server = await LiveServer.start(clip, '--loop', '--host', '0.0.0.0', '--token', token);
    const viewer = await ViewerPage.open(browser, `http://${elsewhere}:${server.port}/`);
    await signIn(viewer.page);
    await viewer.plays();
    expect(await viewer.decoder()).toBe('jpeg');
    await viewer.page.mouse.move(300, 300);
    await viewer.page.getByRole('radio', { name: 'My camera' }).click();
    await viewer.page.getByRole('heading', { name: 'The camera needs a secure page' }).waitFor();
    await viewer.page.getByRole('button', { name: 'Go on without it' }).click();
    await viewer.plays();
    await viewer.close();
  });
});
