import {afterEach, beforeEach, expect, it, vi} from "vitest";

import type {CollectionFacts, UnreadableCollection} from "../../client";
import {NOTHING_ASKED} from "../src/state/question";
import {question} from "../src/state/route";
import {client, collection, collectionName, collections, connect, facts, fault, isListed, unreadable} from "../src/state/service";

const there = {name: "photos"} as CollectionFacts;
const damaged: UnreadableCollection = {name: "archive", code: "catalog_damaged", values: {}, detail: "damaged"};

const listing = vi.spyOn(client, "collectionListing");
vi.spyOn(client, "session").mockResolvedValue({scopes: ["read"]} as Awaited<ReturnType<typeof client.session>>);
vi.spyOn(client, "models").mockResolvedValue([]);

const choose = (collection: string) => (question.value = {...NOTHING_ASKED, collection});

beforeEach(() => choose(""));
afterEach(() => {
  collections.value = [];
  unreadable.value = [];
});

it("one that can be opened is chosen before one that cannot", async () => {
  listing.mockResolvedValue({data: [there], unreadable: [damaged]});
  await connect();

  expect([collectionName.value, fault.value, isListed.value]).toEqual(["photos", null, true]);
});

it("one that cannot be opened says why, where it is chosen or the only one", async () => {
  listing.mockResolvedValue({data: [there], unreadable: [damaged]});
  await connect();
  choose("archive");
  expect([facts.value, fault.value, isListed.value]).toEqual([null, damaged, true]);

  choose("");
  listing.mockResolvedValue({data: [], unreadable: [damaged]});
  await connect();
  expect([collectionName.value, fault.value]).toEqual(["archive", damaged]);
  expect(collection.value?.name).toBe("archive");
});

it("one that was mended is there at the next look, and one that nobody knows is not listed", async () => {
  listing.mockResolvedValue({data: [], unreadable: [damaged]});
  await connect();
  listing.mockResolvedValue({data: [{...there, name: "archive"}], unreadable: []});
  await connect();
  expect([facts.value?.name, fault.value]).toEqual(["archive", null]);

  choose("nowhere");
  expect([facts.value, fault.value, isListed.value]).toEqual([null, null, false]);
});
