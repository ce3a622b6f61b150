"use strict";

require("./launch.js")("pre");
