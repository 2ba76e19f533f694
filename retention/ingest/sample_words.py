"""What the sample shop sells and what its customers write, in English and Chinese."""

from __future__ import annotations

from retention.ingest.sample_laws import CATEGORIES

#: Eight items a category: English name, Chinese name, price in cents. The first are the most popular.
CATALOGUE: dict[str, tuple[tuple[str, str, int], ...]] = {
    "Clothing": (
        ("linen shirt", "亚麻衬衫", 3990),
        ("wool scarf", "羊毛围巾", 2450),
        ("rain jacket", "雨衣", 7900),
        ("denim jeans", "牛仔裤", 5495),
        ("cotton socks", "棉袜", 899),
        ("summer dress", "连衣裙", 4950),
        ("leather belt", "皮带", 2995),
        ("running shoes", "跑鞋", 8990),
    ),
    "Kitchen": (
        ("coffee mug", "咖啡杯", 1150),
        ("chef knife", "菜刀", 4490),
        ("cast iron pan", "铸铁锅", 5990),
        ("tea kettle", "茶壶", 3475),
        ("cutting board", "砧板", 1895),
        ("bamboo steamer", "竹蒸笼", 2250),
        ("spice rack", "调料架", 2690),
        ("glass jar set", "玻璃罐", 1999),
    ),
    "Beauty": (
        ("hand cream", "护手霜", 795),
        ("face mask", "面膜", 1290),
        ("lip balm", "润唇膏", 550),
        ("green tea shampoo", "绿茶洗发水", 1375),
        ("rose perfume", "玫瑰香水", 4990),
        ("sun lotion", "防晒霜", 1850),
        ("nail polish", "指甲油", 690),
        ("bath salt", "浴盐", 1195),
    ),
    "Books": (
        ("travel guide", "旅行指南", 1899),
        ("mystery novel", "推理小说", 1299),
        ("cookbook", "菜谱", 2495),
        ("picture book", "绘本", 1450),
        ("poetry collection", "诗集", 1599),
        ("science fiction novel", "科幻小说", 1350),
        ("history atlas", "历史地图集", 3990),
        ("language course", "语言课本", 2890),
    ),
    "Sports": (
        ("yoga mat", "瑜伽垫", 2790),
        ("water bottle", "水壶", 1490),
        ("tennis racket", "网球拍", 7450),
        ("camping tent", "帐篷", 12900),
        ("jump rope", "跳绳", 990),
        ("bike helmet", "自行车头盔", 4590),
        ("swim goggles", "泳镜", 1675),
        ("hiking backpack", "登山包", 6990),
    ),
    "Electronics": (
        ("wireless earbuds", "无线耳机", 5990),
        ("phone charger", "手机充电器", 1790),
        ("desk lamp", "台灯", 3250),
        ("smart watch", "智能手表", 14900),
        ("power bank", "充电宝", 2990),
        ("mechanical keyboard", "机械键盘", 8450),
        ("usb cable", "数据线", 690),
        ("bluetooth speaker", "蓝牙音箱", 4790),
    ),
    "Toys": (
        ("building blocks", "积木", 2990),
        ("teddy bear", "泰迪熊", 1895),
        ("jigsaw puzzle", "拼图", 1450),
        ("board game", "桌游", 3490),
        ("toy train", "玩具火车", 3990),
        ("modelling clay", "橡皮泥", 895),
        ("kite", "风筝", 1250),
        ("card game", "卡牌游戏", 1090),
    ),
    "Grocery": (
        ("jasmine tea", "茉莉花茶", 890),
        ("coffee beans", "咖啡豆", 1290),
        ("dark chocolate", "黑巧克力", 450),
        ("olive oil", "橄榄油", 1195),
        ("mixed nuts", "混合坚果", 975),
        ("rice noodles", "米粉", 395),
        ("chilli sauce", "辣椒酱", 525),
        ("oat cookies", "燕麦饼干", 475),
    ),
}

ITEMS_PER_CATEGORY = 8
ITEM_NAMES = tuple(en for c in CATEGORIES for en, _, _ in CATALOGUE[c])
ITEM_NAMES_CHINESE = tuple(zh for c in CATEGORIES for _, zh, _ in CATALOGUE[c])
ITEM_CENTS = tuple(cents for c in CATEGORIES for _, _, cents in CATALOGUE[c])
ITEM_CODES = tuple(f"{c[:2].upper()}{i + 1:02d}" for c in CATEGORIES for i in range(ITEMS_PER_CATEGORY))

#: How a search is worded around the item's name.
SEARCH_FORMS = (
    ("{}", "{} sale", "best {}", "cheap {}", "{} gift", "{} review"),
    ("{}", "{}特价", "{}推荐", "便宜的{}", "{}礼物", "{}哪个好"),
)

#: Reviews by sentiment (negative, neutral, positive), then language (en, zh): beginnings and endings.
REVIEW_OPENINGS = (
    (
        (
            "Very disappointed with the {}.",
            "Waste of money, this {} order.",
            "I regret buying the {}.",
            "Terrible {}.",
            "Bad quality {}.",
        ),
        ("对这个{}太失望了，", "这个{}真是浪费钱，", "后悔买了{}，", "{}质量很差，", "给{}差评，"),
    ),
    (
        (
            "I bought the {} last week.",
            "Ordinary {}.",
            "The {} order is okay.",
            "Not bad, not great: the {}.",
            "Average {}.",
        ),
        ("上周买的{}，", "普通的{}，", "{}还可以，", "{}一般般，", "中规中矩的{}，"),
    ),
    (
        ("I love the {}!", "Excellent {}.", "Great buy: the {}.", "Wonderful {}.", "So happy with the {}!"),
        ("非常喜欢这个{}，", "很棒的{}，", "{}买得很值，", "{}让我超级满意，", "强烈推荐这个{}，"),
    ),
)
REVIEW_ENDINGS = (
    (
        (
            " Broke after two days.",
            " Arrived late and damaged.",
            " Looks nothing like the picture.",
            " Feels cheap, I want my money back.",
            " Useless, and support was rude.",
        ),
        ("用了两天就坏了。", "到货晚而且有破损。", "和图片完全不一样。", "做工粗糙，客服态度也差。", "再也不会买了。"),
    ),
    (
        (
            " As described.",
            " Fine for the price.",
            " Came on time, nothing special.",
            " Smaller than I thought.",
            " Box was a bit dented.",
        ),
        ("和描述差不多。", "这个价格还行。", "物流正常，没什么特别。", "比想象的小一点。", "包装有点压坏。"),
    ),
    (
        (
            " Beautiful and well made.",
            " Arrived quickly, perfect.",
            " Worth every penny.",
            " My family is delighted.",
            " Better than I hoped, will buy again.",
        ),
        ("做工精致，很漂亮。", "物流很快，质量非常好。", "物超所值。", "家人都很喜欢。", "比想象的还好，会再来买。"),
    ),
)
