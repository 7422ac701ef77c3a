/*! Connector packs: detection, discovery, variables to an extract plan. */
