/** What a drop brings: files, and folders with files in them. */

export function bringsFolder(data: DataTransfer): boolean {
  return entriesOf(data).some((entry) => entry.isDirectory);
}

/** All files, those in folders and in folders within them, too; hidden ones are passed over there. To be called while the drop is handled. */
export async function filesOf(data: DataTransfer): Promise<File[]> {
  const entries = entriesOf(data); // which are gone after the first pause
  return entries.length > 0 ? (await Promise.all(entries.map(below))).flat() : [...data.files];
}

function entriesOf(data: DataTransfer): FileSystemEntry[] {
  return [...data.items].map((item) => item.webkitGetAsEntry?.() ?? null).filter((entry) => entry !== null);
}

async function below(entry: FileSystemEntry): Promise<File[]> {
  if (isFile(entry)) return [await new Promise<File>((resolve, reject) => entry.file(resolve, reject))];
  const inside = (await entriesIn(entry as FileSystemDirectoryEntry)).filter(({name}) => !name.startsWith("."));
  return (await Promise.all(inside.map(below))).flat();
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

/** A browser gives a hundred or so at a time, and none at the end. */
async function entriesIn(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found.sort((one, other) => one.name.localeCompare(other.name));
    found.push(...some);
  }
}
