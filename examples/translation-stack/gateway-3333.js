"use strict";

require("./lib/gateway")("English");
