/*! The indicator formula language: parse, check, evaluate with lineage. */
