/*! Message catalogues in Chinese and English. */
