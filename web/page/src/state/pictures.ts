/**
 * Pictures that the user gave, kept in this browser alone (IndexedDB), so that reload and back find them again.
 *
 * The address bar carries only a picture's key: the first 16 hexadecimal digits of the SHA-256 of its bytes. Where the
 * browser forbids IndexedDB, pictures last as long as the page.
 */

import {sha256} from "../../../client/sha256";

const DATABASE = "lookalike-pictures";
const STORE = "pictures";
const KEPT = 40;

type Kept = {key: string; blob: Blob; name: string; at: number};

/** `id`: what its id would be in a collection, the SHA-256 of its bytes. */
export type OwnPicture = {id: string; blob: Blob; name: string};

const inMemory = new Map<string, Kept>();
const ids = new Map<string, string>();

/** Keep a picture; its key. Keeping it twice is keeping it once. */
export async function keepPicture(blob: Blob, name: string): Promise<string> {
  const id = await idOf(blob);
  const key = id.slice(0, 16);
  ids.set(key, id);
  const kept: Kept = {key, blob, name, at: Date.now()};
  inMemory.set(key, kept);
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
  inMemory.set(key, kept);
  const id = ids.get(key) ?? (await idOf(kept.blob));
  ids.set(key, id);
  return {id, blob: kept.blob, name: kept.name};
}

/** Forget all pictures that were kept, here and in the database. */
export async function forgetPictures(): Promise<void> {
  inMemory.clear();
  await quietly(async () => {
    const database = await open();
    await done(database.transaction(STORE, "readwrite").objectStore(STORE).clear());
    database.close();
  });
}

async function fromDatabase(key: string): Promise<Kept | undefined> {
  const database = await open();
  const kept = await done<Kept | undefined>(database.transaction(STORE).objectStore(STORE).get(key));
  database.close();
  return kept;
}

async function idOf(blob: Blob): Promise<string> {
  return await sha256(new Uint8Array(await blob.arrayBuffer()));
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
