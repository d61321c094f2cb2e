import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

const SERVED_BY_THE_GATEWAY = ["/api", "/session", "/login", "/logout", "/openapi.json", "/docs"];

export default defineConfig(({ mode }) => {
  // Where `npm run dev` finds the API; the built console is served by the gateway itself.
  const { GATEWAY_URL = "http://127.0.0.1:8080" } = loadEnv(mode, ".", "GATEWAY_");
  return {
    plugins: [react()],
    resolve: { tsconfigPaths: true },
    build: {
      // Nothing inline: the gateway's content security policy allows only files of its own.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    server: { proxy: Object.fromEntries(SERVED_BY_THE_GATEWAY.map((path) => [path, GATEWAY_URL])) },
  };
});
