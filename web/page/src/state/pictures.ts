/**
 * Pictures that the user gave, kept in this browser alone (IndexedDB), so that reload and back find them again.
 *
 * The address bar carries only a picture's key: the first 16 hexadecimal digits of the SHA-256 of its bytes. Where the
 * browser forbids IndexedDB, pictures last as long as the page.
 */

const DATABASE = "lookalike-pictures";
const STORE = "pictures";
const KEPT = 40;

type Kept = {key: string; blob: Blob; name: string; at: number};

const inMemory = new Map<string, Kept>();

/** Keep a picture; its key. Keeping it twice is keeping it once. */
export async function keepPicture(blob: Blob, name: string): Promise<string> {
  const key = (await sha256(blob)).slice(0, 16);
  const kept: Kept = {key, blob, name, at: Date.now()};
  inMemory.set(key, kept);
  await quietly(async () => {
    const database = await open();
    await done(database.transaction(STORE, "readwrite").objectStore(STORE).put(kept));
    await forgetOldest(database);
    database.close();
  });
  return key;
}

/** A picture by its key; null where this browser does not have it (any more). */
export async function findPicture(key: string): Promise<{blob: Blob; name: string} | null> {
  const here = inMemory.get(key);
  if (here) return here;
  const found = await quietly(async () => {
    const database = await open();
    const kept = await done<Kept | undefined>(database.transaction(STORE).objectStore(STORE).get(key));
    database.close();
    return kept;
  });
  if (found) inMemory.set(key, found);
  return found ?? null;
}

async function sha256(blob: Blob): Promise<string> {
  const bytes = await blob.arrayBuffer();
  if (!crypto.subtle) return unsafeDigest(new Uint8Array(bytes));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** FNV-1a twice, for pages served without TLS from another machine, where `crypto.subtle` is missing: a key, no proof. */
function unsafeDigest(bytes: Uint8Array): string {
  let one = 0x811c9dc5;
  let other = 0x01000193;
  for (const byte of bytes) {
    one = Math.imul(one ^ byte, 0x01000193) >>> 0;
    other = Math.imul(other ^ byte, 0x85ebca6b) >>> 0;
  }
  return one.toString(16).padStart(8, "0") + other.toString(16).padStart(8, "0");
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, {keyPath: "key"});
  return done(request);
}

async function forgetOldest(database: IDBDatabase): Promise<void> {
  const store = database.transaction(STORE, "readwrite").objectStore(STORE);
  const all = await done<Kept[]>(store.getAll());
  const tooOld = all.sort((one, other) => other.at - one.at).slice(KEPT);
  await Promise.all(tooOld.map((kept) => done(store.delete(kept.key))));
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function quietly<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    console.info("This browser does not keep pictures over a reload:", error);
    return undefined;
  }
}
