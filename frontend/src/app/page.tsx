export default function Page() {
  return <main>Files</main>;
}
