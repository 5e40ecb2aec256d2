import { Camera } from '../camera/camera.js';
import { element, setText } from '../dom.js';
import type { Store } from '../store.js';
import type { Viewer } from '../viewer.js';
import { showsOwnCamera, type ViewerState } from '../viewer-state.js';

/** The switch between the stream and the own camera, and which camera it is. */
export function showSources(store: Store<ViewerState>, viewer: Viewer, room: string | undefined): void {
  const row = element('sources', HTMLElement);
  const choice = element('source-switch', HTMLFieldSetElement);
  const device = element('camera-device', HTMLSelectElement);
  const mirror = element('mirror-button', HTMLButtonElement);
  let listed = '';

  choice.addEventListener('change', ({ target }) => {
    if (target instanceof HTMLInputElement && target.value === 'camera') {
      void viewer.camera.start();
    } else {
      viewer.camera.stop();
    }
  });
  device.addEventListener('change', () => void viewer.camera.start(device.value));
  mirror.addEventListener('click', () => viewer.toggleMirror());

  store.subscribe((state) => {
    const { welcome, camera, isMirrored } = state;
    const isOwn = showsOwnCamera(state);
    const mayUseCamera = (welcome?.limits.cameras ?? 0) > 0;
    const hasStream = room !== undefined || (welcome !== undefined && welcome.source !== null);
    row.hidden = !mayUseCamera || !(hasStream || isOwn);
    setText(element('stream-name', HTMLElement), hasStream ? (room ?? 'Stream') : 'Off');
    for (const input of choice.querySelectorAll('input')) {
      input.checked = (input.value === 'camera') === isOwn;
    }

    const devices = camera.kind === 'on' ? camera.devices : [];
    device.hidden = devices.length < 2;
    if (JSON.stringify(devices) !== listed) {
      listed = JSON.stringify(devices);
      device.replaceChildren(...devices.map(({ id, name }) => new Option(name, id)));
    }
    if (camera.kind === 'on' && camera.device !== undefined) {
      device.value = camera.device;
    }
    mirror.hidden = !isOwn;
    mirror.ariaPressed = String(isMirrored);
  });

  // Insecure pages have no such list, whatever its type says.
  const media = navigator.mediaDevices as MediaDevices | undefined;
  media?.addEventListener('devicechange', () => {
    void Camera.list().then((devices) => {
      const { camera } = store.state;
      if (camera.kind === 'on') {
        store.update({ camera: { ...camera, devices } });
      }
    });
  });
}
