"use strict";

require("./lib/gateway")("French");
