"""The only room that imports TensorFlow: builds networks in Keras and exports them to TFLite."""
