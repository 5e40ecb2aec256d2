/** Which Stable Diffusion has text embeddings of a width: what tells its generations apart. */
export function familyOf(textWidth: number | undefined): string {
  switch (textWidth) {
    case 768:
      return 'Stable Diffusion 1.x (text embedding of 768)';
    case 1024:
      return 'SD-Turbo or Stable Diffusion 2.x (text embedding of 1024)';
    case 2048:
      return 'Stable Diffusion XL (text embedding of 2048)';
    default:
      return `a network with a text embedding of ${textWidth ?? 'unknown width'}`;
  }
}
