/** The parts of ONNX Runtime that the browser loads by itself, as addresses. */
declare module "onnxruntime-web/*?url" {
  const address: string;
  export default address;
}
