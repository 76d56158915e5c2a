/** The service: who asks, which collections there are, which model the chosen one has. */

import {batch, computed, signal} from "@preact/signals";

import {type CollectionClient, type CollectionFacts, Lookalike, type ModelCard, type Session, type UnreadableCollection} from "../../../client";
import {credential} from "./credential";
import {askFor, question} from "./route";
import {Latest, whileWanted} from "../search/latest";
import {explain} from "./trouble";

export const client = new Lookalike({credential: () => credential.value});

export const session = signal<Session | null>(null);
export const collections = signal<CollectionFacts[]>([]);
/** Those that are there and cannot be opened, and why. */
export const unreadable = signal<UnreadableCollection[]>([]);
export const models = signal<ModelCard[]>([]);
export const connected = signal(false);

/** Name of the collection that is searched: the one of the address, else the first that there is. */
export const collectionName = computed(() => {
  const [first] = [...collections.value, ...unreadable.value];
  return question.value.collection || (first?.name ?? "");
});

export const facts = computed(() => collections.value.find((one) => one.name === collectionName.value) ?? null);

/** Why the chosen one cannot be opened; null where it can, or is not there. */
export const fault = computed(() => unreadable.value.find((one) => one.name === collectionName.value) ?? null);

/** Whether the chosen one is there for whoever asks. */
export const isListed = computed(() => facts.value !== null || fault.value !== null);

export const collection = computed<CollectionClient | null>(() =>
  collectionName.value ? client.collection(collectionName.value) : null,
);

export const mayWrite = computed(() => session.value?.scopes.some((scope) => scope !== "read") ?? false);

/** Name of the further model that may look again; null where there is none. */
export const reranker = computed(() => facts.value?.reranker ?? null);

export const modelName = (id: string): string => {
  const card = models.value.find((one) => one.id === id);
  return card ? [card.name, card.precision].filter(Boolean).join(" · ") : /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id;
};

/** Search with a picture of a collection, in that collection, which need not be the one of now. */
export function askFrom(id: string, from: CollectionClient): void {
  askFor({kind: "id", id}, from.name === collectionName.value ? question.value.collection : from.name);
}

const connecting = new Latest();
const refreshing = new Latest();

/** Ask who we are and what there is. What goes wrong is shown. */
export async function connect(): Promise<void> {
  const signal = connecting.begin();
  refreshing.stop();
  try {
    const [who, found] = await whileWanted(Promise.all([client.session({signal}), client.collectionListing({signal})]), signal);
    batch(() => {
      session.value = who;
      collections.value = found.data;
      unreadable.value = found.unreadable;
      connected.value = true;
    });
    models.value = await whileWanted(client.models({signal}), signal);
  } catch (error) {
    if (!signal.aborted) explain(error, () => void connect());
  }
}

/** Figures that have changed, such as after an upload. */
export async function refreshFacts(): Promise<void> {
  const current = collection.value;
  if (!current) return;
  const signal = refreshing.begin();
  const fresh = await whileWanted(current.facts({signal}), signal).catch(() => null);
  if (fresh) collections.value = collections.value.map((one) => (one.name === fresh.name ? fresh : one));
}
