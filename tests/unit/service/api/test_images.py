from __future__ import annotations

import json

import pytest
from PIL import Image

from tests.collections import png
from tests.services import FIRST, PICTURES, SECOND, Running, sha256, token

IMAGES = f"/v1/collections/{FIRST}/images"
READER, WRITER, ADMIN = token("read"), token("write"), token("admin")


def test_each_picture_of_a_form_is_taken_in_or_refused_by_itself(served: Running) -> None:
    files = [("image", ("new.png", png(50))), ("image", ("old.png", png(0))), ("image", ("broken.png", png(51)[:30]))]

    reply = served.client.post(IMAGES, files=files, data={"metadata": '{"label": "x"}'}, headers=WRITER)

    assert [(one["name"], one["status"]) for one in reply.json()["data"]] == [
        ("new.png", "added"),
        ("old.png", "unchanged"),
        ("broken.png", "refused"),
    ]
    assert served.client.get(f"{IMAGES}/{sha256(png(50))}", headers=READER).json()["metadata"] == {
        "label": "x",
        "name": "new.png",
    }


def test_what_was_added_is_found_at_once_and_what_was_removed_never_again(served: Running) -> None:
    search = f"/v1/collections/{FIRST}/search"
    served.client.post(IMAGES, files={"image": png(60)}, headers=WRITER)

    before = served.client.post(search, files={"image": png(60)}, headers=READER).json()["hits"][0]["id"]
    gone = served.client.delete(f"{IMAGES}/{before}", headers=WRITER)
    after = [hit["id"] for hit in served.client.post(search, files={"image": png(60)}, headers=READER).json()["hits"]]

    assert before == sha256(png(60))
    assert gone.status_code == 204
    assert before not in after
    assert served.client.delete(f"{IMAGES}/{before}", headers=WRITER).status_code == 404


def test_the_pages_of_a_list_join_without_a_seam(served: Running) -> None:
    ids, cursor = [], ""
    while cursor is not None:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = served.client.get(IMAGES, params=query, headers=READER).json()
        ids += [one["id"] for one in page["data"]]
        assert page["has_more"] == (page["next_cursor"] is not None)
        cursor = page["next_cursor"]

    assert ids == list(served.ids)


def test_a_list_may_be_filtered(served: Running) -> None:
    reply = served.client.get(IMAGES, params={"filter": json.dumps({"n": {"lt": 2}})}, headers=READER)

    assert [one["id"] for one in reply.json()["data"]] == list(served.ids[:2])


@pytest.mark.parametrize(
    "query", [{"cursor": "%%%"}, {"cursor": "////"}, {"limit": "0"}, {"limit": "9999"}, {"filter": "["}]
)
def test_a_list_that_cannot_be_had_is_a_problem(served: Running, query: dict[str, str]) -> None:
    assert served.client.get(IMAGES, params=query, headers=READER).status_code == 422


def test_bytes_are_put_under_their_own_hash_only(served: Running) -> None:
    data, headers = png(70), {**WRITER, "Content-Type": "image/png"}

    assert served.client.put(f"{IMAGES}/{'0' * 64}", content=data, headers=headers).json()["code"] == "hash_mismatch"
    assert served.client.put(f"{IMAGES}/{sha256(data)}", content=data, headers=headers).status_code == 201
    assert served.client.put(f"{IMAGES}/{sha256(data)}", content=data, headers=headers).status_code == 200
    assert served.client.get(f"{IMAGES}/{sha256(data)}/file", headers=READER).content == data


def test_metadata_is_laid_over_and_deleted_with_null(served: Running) -> None:
    one = f"{IMAGES}/{served.ids[0]}"

    reply = served.client.patch(
        one, json={"metadata": {"n": None, "label": "<script>alert(1)</script>"}}, headers=WRITER
    )

    assert reply.json()["metadata"] == {"name": "picture 0", "label": "<script>alert(1)</script>"}
    assert served.client.patch(f"{IMAGES}/{'1' * 64}", json={"metadata": {}}, headers=WRITER).status_code == 404


def test_several_are_removed_with_a_result_for_each(served: Running) -> None:
    reply = served.client.post(f"{IMAGES}/delete", json={"ids": [served.ids[0], "1" * 64]}, headers=WRITER)

    assert [one["status"] for one in reply.json()["data"]] == ["removed", "not_found"]
    assert len(served.service.collections.get(FIRST)) == PICTURES - 1


@pytest.mark.parametrize("door", ["one", "several"])
@pytest.mark.parametrize("is_removed_before", [False, True])
def test_metadata_returns_with_a_picture_unless_it_was_removed_forever(
    served: Running, door: str, is_removed_before: bool
) -> None:
    held, image_id = served.service.collections.get(FIRST), served.ids[0]

    def remove(*, forever: bool) -> int:
        if door == "one":
            params = {"forever": "true"} if forever else {}
            return served.client.delete(f"{IMAGES}/{image_id}", params=params, headers=WRITER).status_code
        body = {"ids": [image_id], "forever": forever}
        reply = served.client.post(f"{IMAGES}/delete", json=body, headers=WRITER)
        return 204 if reply.json()["data"][0]["status"] == "removed" else 404

    if is_removed_before:
        assert remove(forever=False) == 204
        assert remove(forever=False) == 404
        assert held.info().forgotten == 1
    assert remove(forever=True) == 204
    assert held.info().forgotten == 0
    assert remove(forever=True) == 404


def test_the_same_request_under_the_same_key_is_done_once(served: Running) -> None:
    headers = {**WRITER, "Idempotency-Key": "a key"}
    bad = served.client.post(f"{IMAGES}/delete", json={"ids": [served.ids[0]]}, headers=headers)
    headers["Idempotency-Key"] = "a-key"

    first = served.client.post(f"{IMAGES}/delete", json={"ids": [served.ids[0]]}, headers=headers)
    again = served.client.post(f"{IMAGES}/delete", json={"ids": [served.ids[0]]}, headers=headers)
    other = served.client.post(f"{IMAGES}/delete", json={"ids": [served.ids[1]]}, headers=headers)
    stranger = served.client.post(
        f"{IMAGES}/delete", json={"ids": [served.ids[0]]}, headers={**headers, **token("write", name="another")}
    )

    assert bad.status_code == 422
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert stranger.json()["data"][0]["status"] == "not_found"


def test_a_thumbnail_is_small_kept_by_its_tag_and_gone_with_its_picture(served: Running) -> None:
    path = f"{IMAGES}/{served.ids[0]}/thumbnail"

    reply = served.client.get(path, params={"side": 32}, headers=READER)
    again = served.client.get(path, params={"side": 32}, headers={**READER, "If-None-Match": reply.headers["etag"]})
    served.client.delete(f"{IMAGES}/{served.ids[0]}", headers=WRITER)
    gone = served.client.get(path, params={"side": 32}, headers={**READER, "If-None-Match": reply.headers["etag"]})

    assert reply.headers["content-type"] == "image/jpeg"
    assert reply.content[:2] == b"\xff\xd8"
    assert again.status_code == 304
    assert gone.status_code == 404


@pytest.mark.parametrize("side", ["0", "31", "1025", "-5", "x"])
def test_a_thumbnail_of_no_possible_size_is_a_problem(served: Running, side: str) -> None:
    reply = served.client.get(f"{IMAGES}/{served.ids[0]}/thumbnail", params={"side": side}, headers=READER)

    assert reply.status_code == 422


def test_ten_thousand_parts_are_refused_without_being_kept(served: Running) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n1\r\n'
    reply = served.client.post(
        IMAGES,
        content=part * 10_000 + b"--x--\r\n",
        headers={**WRITER, "Content-Type": "multipart/form-data; boundary=x"},
    )

    assert reply.status_code in (400, 413, 422)


def test_a_field_too_large_is_refused(served: Running) -> None:
    reply = served.client.post(
        IMAGES, files={"image": png(0)}, data={"metadata": '{"a": "' + "b" * 2_000_000 + '"}'}, headers=WRITER
    )

    assert reply.status_code in (400, 413, 422)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x00b.png", "CON", "<img src=x onerror=alert(1)>", "Ü" * 300])
def test_names_are_only_ever_text(served: Running, name: str) -> None:
    reply = served.client.post(IMAGES, files={"image": (name, png(80))}, headers=WRITER)

    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("beach at dawn.png", "beach at dawn.png"),
        ("C:\\photos\\a.png", "a.png"),
        ("../up/海.png", "海.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("\u200b", ""),
    ],
)
def test_a_new_picture_keeps_the_name_it_comes_under(served: Running, said: str, kept: str) -> None:
    served.client.post(IMAGES, files={"image": (said, png(70))}, headers=WRITER)

    assert served.client.get(f"{IMAGES}/{sha256(png(70))}", headers=READER).json()["name"] == kept


def test_a_picture_that_has_a_name_keeps_it_when_it_comes_under_another(served: Running) -> None:
    one = f"{IMAGES}/{sha256(png(71))}"
    served.client.post(IMAGES, files={"image": ("first.png", png(71))}, headers=WRITER)
    served.client.post(IMAGES, files={"image": ("second.png", png(71))}, headers=WRITER)
    assert served.client.get(one, headers=READER).json()["name"] == "first.png"
    served.client.delete(one, headers=WRITER)
    served.client.post(IMAGES, files={"image": ("third.png", png(71))}, headers=WRITER)

    assert served.client.get(one, headers=READER).json()["name"] == "first.png"


def test_a_picture_without_a_name_has_none_rather_than_its_id(served: Running) -> None:
    served.client.put(f"{IMAGES}/{sha256(png(72))}", content=png(72), headers={**WRITER, "Content-Type": "image/png"})

    assert served.client.get(f"{IMAGES}/{sha256(png(72))}", headers=READER).json()["name"] == ""


def test_a_picture_that_may_be_read_may_not_be_changed(served: Running) -> None:
    assert served.client.delete(f"{IMAGES}/{served.ids[0]}", headers=READER).status_code == 403
    assert served.client.post(IMAGES, files={"image": png(90)}, headers=READER).status_code == 403


def test_the_same_bytes_in_two_collections_are_two_pictures(served: Running) -> None:
    served.client.delete(f"{IMAGES}/{served.ids[0]}", headers=WRITER)

    assert served.client.get(f"/v1/collections/{SECOND}/images/{served.ids[0]}", headers=READER).status_code == 200


def test_a_huge_claim_in_a_few_bytes_costs_nothing(served: Running) -> None:
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    reply = served.client.post(IMAGES, files={"image": ("a.png", header + b"\x00" * 64)}, headers=WRITER)

    assert reply.json()["data"][0]["status"] == "refused"


def test_a_collection_is_made_and_removed_by_admin_and_one_that_was_there_stays(served: Running) -> None:
    made = served.client.put("/v1/collections/third", headers=ADMIN)
    again = served.client.put("/v1/collections/third", headers=ADMIN)

    assert (made.status_code, again.status_code) == (201, 200)
    assert served.client.put("/v1/collections/..", headers=ADMIN).status_code in (404, 422)
    assert served.client.put("/v1/collections/UPPER", headers=ADMIN).status_code == 422
    assert served.client.delete("/v1/collections/third", headers=ADMIN).status_code == 204
    assert served.client.delete("/v1/collections/third", headers=ADMIN).status_code == 404
    assert served.client.delete(f"/v1/collections/{FIRST}", headers=ADMIN).status_code == 409


def test_pillow_can_open_what_thumbnails_are(served: Running) -> None:
    import io

    reply = served.client.get(f"{IMAGES}/{served.ids[2]}/thumbnail", headers=READER)

    with Image.open(io.BytesIO(reply.content)) as image:
        assert max(image.size) <= 320


def test_a_spread_comes_from_all_over_the_collection_and_is_always_the_same(served: Running) -> None:
    everything = [one["id"] for one in served.client.get(IMAGES, params={"limit": 200}, headers=READER).json()["data"]]
    assert len(everything) == PICTURES

    def spread(count: int) -> list[str]:
        reply = served.client.get(IMAGES, params={"spread": True, "limit": count}, headers=READER).json()
        assert reply["has_more"] is False
        return [one["id"] for one in reply["data"]]

    assert spread(1) == [everything[PICTURES // 2]]
    assert spread(3) == spread(3) == [everything[1], everything[3], everything[5]]
    assert spread(50) == everything
    refused = served.client.get(IMAGES, params={"spread": True, "cursor": "MQ"}, headers=READER)
    assert refused.status_code in (400, 422)


def test_a_spread_of_an_empty_selection_is_empty_and_of_a_filtered_one_passes_it(served: Running) -> None:
    def spread(where: object) -> list[object]:
        params = {"spread": True, "limit": 12, "filter": json.dumps(where)}
        return list(served.client.get(IMAGES, params=params, headers=READER).json()["data"])

    assert spread({"width": {"gt": 1_000_000}}) == []
    assert len(spread({"width": {"gt": 0}})) == PICTURES
