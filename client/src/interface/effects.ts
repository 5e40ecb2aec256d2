import { element, setText } from '../dom.js';
import type { Store } from '../store.js';
import type { Viewer } from '../viewer.js';
import { effectTitle, type ViewerState } from '../viewer-state.js';

/** The row of effects and the slider of their strength. */
export function showEffects(store: Store<ViewerState>, viewer: Viewer, notify: (text: string) => void): void {
  const group = element('effects', HTMLFieldSetElement);
  const slider = element('strength', HTMLInputElement);
  const row = element('strength-row', HTMLElement);
  let listed = '';
  let loading: string | undefined;

  group.addEventListener('change', ({ target }) => {
    if (target instanceof HTMLInputElement) {
      viewer.effect.set(target.value);
    }
  });
  const showMore = () => {
    group.toggleAttribute('data-before', group.scrollLeft > 2);
    group.toggleAttribute('data-more', group.scrollLeft + group.clientWidth < group.scrollWidth - 2);
  };
  group.addEventListener('scroll', showMore, { passive: true });
  new ResizeObserver(showMore).observe(group);
  slider.addEventListener('input', () => viewer.effect.setStrength(Number(slider.value) / 100));

  store.subscribe((state) => {
    const { welcome, effect, wantedEffect, maySetEffect, strength, connection } = state;
    const list = JSON.stringify(welcome?.effects ?? []);
    if (list !== listed) {
      listed = list;
      group.replaceChildren(...group.querySelectorAll('legend'), ...(welcome?.effects ?? []).map(makePill));
      showMore();
    }
    const chosen = wantedEffect ?? effect;
    const isFixed = !maySetEffect || connection.kind !== 'open';
    for (const input of group.querySelectorAll('input')) {
      const isChosen = input.value === chosen;
      if (isChosen && !input.checked) {
        input.closest('label')?.scrollIntoView({ block: 'nearest', inline: 'center' });
      }
      input.checked = isChosen;
      input.disabled = isFixed;
      input.closest('label')?.toggleAttribute('data-loading', input.value === wantedEffect);
    }
    group.ariaBusy = String(wantedEffect !== undefined);
    group.title =
      maySetEffect || welcome === undefined ? '' : 'Only whoever started this stream may change its effect.';

    const percent = Math.round(strength * 100);
    const shown = welcome?.effects.find(({ id }) => id === effect);
    row.hidden = shown?.conditions.includes('strength') !== true;
    slider.disabled = isFixed;
    if (Number(slider.value) !== percent) {
      slider.value = String(percent);
    }
    slider.style.setProperty('--filled', `${percent}%`);
    slider.setAttribute('aria-valuetext', `${percent} %`);
    setText(element('strength-value', HTMLElement), `${percent} %`);

    if (wantedEffect !== loading) {
      if (wantedEffect !== undefined) {
        notify(`Loading ${effectTitle(state, wantedEffect)} …`);
      } else if (loading !== undefined && loading === effect) {
        notify(effectTitle(state, loading));
      }
      loading = wantedEffect;
    }
  });
}

function makePill({ id, title }: { readonly id: string; readonly title: string }): HTMLLabelElement {
  const label = document.createElement('label');
  const input = document.createElement('input');
  const text = document.createElement('span');
  input.type = 'radio';
  input.name = 'effect';
  input.value = id;
  text.textContent = title;
  label.append(input, text);
  return label;
}
