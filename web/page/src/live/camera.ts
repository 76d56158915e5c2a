/** The camera of this device: opened into a `<video>`, and frames taken out of it. */

/** Why there is no camera; the word under which the texts say what to do. */
export type CameraTrouble = "denied" | "noCamera" | "insecure";

/**
 * Show the camera in a video element.
 *
 * Rejects with a `CameraTrouble`.
 */
export async function openCamera(video: HTMLVideoElement, signal: AbortSignal): Promise<void> {
  if (!navigator.mediaDevices) throw "insecure" satisfies CameraTrouble;
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment", width: {ideal: 1280}}});
  } catch (error) {
    const denied = error instanceof DOMException && error.name === "NotAllowedError";
    throw (denied ? "denied" : "noCamera") satisfies CameraTrouble;
  }
  if (signal.aborted) return stream.getTracks().forEach((track) => track.stop());
  video.srcObject = stream;
  // Rejects where the element is taken off the page while it starts, which is no trouble.
  await video.play().catch(() => undefined);
}

export function stopCamera(video: HTMLVideoElement): void {
  if (video.srcObject instanceof MediaStream) video.srcObject.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

/** The frame of now as a JPEG whose longer side has at most `most` pixels. */
export async function shoot(video: HTMLVideoElement, o: {most: number; quality: number}): Promise<Blob> {
  const {videoWidth, videoHeight} = video;
  const scale = Math.min(1, o.most / Math.max(videoWidth, videoHeight, 1));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(videoWidth * scale));
  canvas.height = Math.max(1, Math.round(videoHeight * scale));
  canvas.getContext("2d")!.drawImage(video, 0, 0, canvas.width, canvas.height);
  return await new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the frame could not be coded"))), "image/jpeg", o.quality),
  );
}
