import next from "eslint-config-next/core-web-vitals";
import typescript from "eslint-config-next/typescript";

const config = [
    ...next,
    ...typescript,
    {
        rules: {
            "@typescript-eslint/no-explicit-any": "error",
            "@typescript-eslint/no-non-null-assertion": "error",
            "max-lines": ["error", { max: 400 }],
            "max-lines-per-function": ["error", { max: 80 }],
            "no-console": "error",
        },
    },
    // What describes a whole suite is a function too.
    { files: ["**/*.test.ts", "e2e/**"], rules: { "max-lines-per-function": "off" } },
    // Its lines are what the test shows.
    { files: ["e2e/**"], rules: { "no-console": "off" } },
    { ignores: ["out/", ".next/", "next-env.d.ts", "src/lib/api/schema.d.ts"] },
];

export default config;
