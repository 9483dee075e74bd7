/**
 * Registers TensorFlow.js' gradient functions. Only the union package does so by itself; the core package, which is
 * all that the daemon needs, leaves them out. The registry is global to the process, so importing this once is enough.
 */
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
