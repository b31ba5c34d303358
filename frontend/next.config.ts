import type { NextConfig } from "next";

const config: NextConfig = {
  // Plain files, which the service carries in its binary and serves at `/`.
  output: "export",
  trailingSlash: true,
  images: { unoptimized: true },
  poweredByHeader: false,
};

export default config;
