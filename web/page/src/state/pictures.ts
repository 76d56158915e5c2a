/**
 * Pictures that the user gave, kept in this browser alone (IndexedDB), so that reload and back find them again.
 *
 * The address bar carries only a picture's key: of its bytes and a random number of this browser, so that the service, which
 * sees the address at every reload, learns from it nothing of the picture. Where the browser forbids IndexedDB, pictures
 * last as long as the page.
 */

import {sha256} from "../../../client/sha256";

const DATABASE = "lookalike-pictures";
const STORE = "pictures";
const KEPT = 40;
const SALT = "lookalike.salt";
const SALT_BYTES = 16;
const KEY_DIGITS = 16;

type Kept = {key: string; blob: Blob; name: string; at: number};

/** `id`: what its id would be in a collection, the SHA-256 of its bytes. */
export type OwnPicture = {id: string; blob: Blob; name: string};

const inMemory = new Map<string, Kept>();
const ids = new Map<string, string>();
/** The random number, where the browser forbids storage. */
let passing = "";

/**
 * Keep a picture; its key. Keeping it twice is keeping it once.
 *
 * Raises:
 *   DOMException: NotFoundError or NotReadableError, when it is a file that has gone or may not be read.
 */
export async function keepPicture(blob: Blob, name: string): Promise<string> {
  const bytes = await blob.arrayBuffer();
  const id = await sha256(new Uint8Array(bytes));
  const key = await keyOf(id);
  // Not the file itself, which may change or go while it is searched with.
  const kept: Kept = {key, blob: new Blob([bytes], {type: blob.type}), name, at: Date.now()};
  remember(kept, id);
  // The search need not wait for it: until the page is left the picture lies in memory.
  void quietly(async () => {
    const database = await open();
    await done(database.transaction(STORE, "readwrite").objectStore(STORE).put(kept));
    await forgetOldest(database);
    database.close();
  });
  return key;
}

/** A picture by its key; null where this browser does not have it (any more). */
export async function findPicture(key: string): Promise<OwnPicture | null> {
  const kept = inMemory.get(key) ?? (await quietly(() => fromDatabase(key)));
  if (!kept) return null;
  const id = ids.get(key) ?? (await sha256(new Uint8Array(await kept.blob.arrayBuffer())));
  remember(kept, id);
  return {id, blob: kept.blob, name: kept.name};
}

/** Forget all pictures that were kept, here and in the database, and what their keys were made with. */
export async function forgetPictures(): Promise<void> {
  forgetHere();
  await quietly(async () => localStorage.removeItem(SALT));
  await quietly(async () => {
    const database = await open();
    await done(database.transaction(STORE, "readwrite").objectStore(STORE).clear());
    database.close();
  });
}

/** Call back when another tab of this browser has forgotten all pictures; this one forgets them, too. */
export function whenForgottenElsewhere(act: () => void): void {
  addEventListener("storage", ({key, newValue}) => {
    if (key !== SALT || newValue !== null) return;
    forgetHere();
    act();
  });
}

async function fromDatabase(key: string): Promise<Kept | undefined> {
  const database = await open();
  const kept = await done<Kept | undefined>(database.transaction(STORE).objectStore(STORE).get(key));
  database.close();
  return kept;
}

/** As many as in the database, the newest last. */
function remember(kept: Kept, id: string): void {
  inMemory.delete(kept.key);
  inMemory.set(kept.key, kept);
  ids.set(kept.key, id);
  if (inMemory.size <= KEPT) return;
  const [oldest] = inMemory.keys();
  inMemory.delete(oldest!);
  ids.delete(oldest!);
}

function forgetHere(): void {
  inMemory.clear();
  ids.clear();
  passing = "";
}

async function keyOf(id: string): Promise<string> {
  return (await sha256(new TextEncoder().encode(salt() + id))).slice(0, KEY_DIGITS);
}

function salt(): string {
  try {
    const known = localStorage.getItem(SALT) ?? randomHex();
    localStorage.setItem(SALT, known);
    return known;
  } catch {
    return (passing ||= randomHex());
  }
}

function randomHex(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(SALT_BYTES)), (byte) => byte.toString(16).padStart(2, "0")).join("");
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
