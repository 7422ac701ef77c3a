/*! Forms, mapping layers, ledger and draft construction; pure. */
