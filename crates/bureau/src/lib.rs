/*! The receiver. */
