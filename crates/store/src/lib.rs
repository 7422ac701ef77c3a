/*! The state of the agent: operations, seals, ledger versions, drafts. */
