"""The inbox in a browser."""


def test_it(visit, house, shot):
    house.batch(12)
    page = visit("Ana", "/inbox")
    shot(page, "inbox", full=True)
    print(page.content()[:3000])
