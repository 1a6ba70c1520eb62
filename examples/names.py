"""Names, streets and towns of fourteen countries, from which generate.py draws its people.

A name in a script that an e-mail address cannot hold carries its Latin spelling behind a slash.
"""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """What people of one country are drawn from."""

    first_names: str  # separated by spaces
    last_names: str
    towns: str  # separated by " | "
    street: str  # an address with {number} and {town}; a line break stands where a second line may begin


PLACES = {
    "BR": Place(
        "João Conceição Luís Antônia Márcia Estêvão Inês Rogério Lívia Caetano",
        "Araújo Gonçalves Magalhães Simões D'Ávila Ribeiro Conceição Assunção Brandão Falcão",
        "01310-100 São Paulo | 80010-000 Curitiba | 40020-000 Salvador",
        "Rua das Laranjeiras, {number}\n{town}",
    ),
    "CZ": Place(
        "Jiří Anežka Božena Zdeněk Kateřina Ondřej Markéta Tomáš Žofie Luděk",
        "Dvořák Nováková Procházka Růžičková Kučera Horáková Čermák Hájek Šimková Bartoš",
        "110 00 Praha 1 | 602 00 Brno | 702 00 Ostrava",
        "Na Příkopě {number}\n{town}",
    ),
    "DE": Place(
        "Jürgen Anna Björn Käthe Lukas Sören Mareike Günther Änne Torsten",
        "Müller Groß Schäfer Weiß Krüger Jäger Böhm Lange Strauß Köhler",
        '10115 Berlin | 50667 Köln | 80331 München | 24103 Kiel, Haus "Förde"',
        "Ringstraße {number}\n{town}",
    ),
    "ES": Place(
        "José Begoña Íñigo Lucía Martín Núria Ramón Sofía Andrés Álvaro",
        "García Muñoz Ibáñez Peña Núñez Ordóñez Sánchez Castaño Jiménez Zúñiga",
        "28013 Madrid | 41004 Sevilla | 15003 A Coruña",
        "Calle de Alcalá, {number}, 2.º izq.\n{town}",
    ),
    "FR": Place(
        "François Chloé Benoît Hélène Jérôme Maïté Noël Océane René Zoé",
        "Lefèvre Dupré Garçon Lemaître L'Hôte Béranger Château Deschênes Noyé Gaëtan",
        "75011 Paris | 69002 Lyon | 13006 Marseille",
        "{number} bis, rue de l'Église\n{town}",
    ),
    "GR": Place(
        "Γιώργος/giorgos Ελένη/eleni Νίκος/nikos Μαρία/maria Κώστας/kostas Σοφία/sofia",
        "Παπαδόπουλος/papadopoulos Νικολάου/nikolaou Γεωργίου/georgiou Ιωάννου/ioannou Αλεξίου/alexiou",
        "105 57 Αθήνα | 546 24 Θεσσαλονίκη",
        "Ερμού {number}\n{town}",
    ),
    "IN": Place(
        "Ananya Rajesh प्रिया/priya Vikram Lakshmi अर्जुन/arjun Meera Sanjay",
        "Iyer शर्मा/sharma Chatterjee Patel Reddy गुप्ता/gupta Nair Krishnan",
        "Mumbai 400001 | Bengaluru 560001 | New Delhi 110001",
        "Flat {number}, M.G. Road\n{town}",
    ),
    "JP": Place(
        "花子/hanako 太郎/taro 美咲/misaki 健太/kenta 陽菜/hina 大輔/daisuke さくら/sakura",
        "佐藤/sato 鈴木/suzuki 高橋/takahashi 田中/tanaka 渡辺/watanabe 山本/yamamoto 小林/kobayashi",
        "東京都千代田区 | 大阪府大阪市 | 京都府京都市",
        "〒100-0001\n{town} {number}番地",
    ),
    "KR": Place(
        "민준/minjun 서연/seoyeon 지훈/jihun 하은/haeun 도윤/doyun 수아/sua",
        "김/kim 이/lee 박/park 최/choi 정/jung 강/kang",
        "04524 서울특별시 중구 | 48058 부산광역시",
        "세종대로 {number}\n{town}",
    ),
    "PL": Place(
        "Łukasz Małgorzata Paweł Agnieszka Wojciech Żaneta Michał Bożena Sławomir Zuzanna",
        "Wiśniewski Wójcik Dąbrowska Zieliński Pawłowska Łuczak Jabłoński Grześkowiak Żak Ćwik",
        "00-001 Warszawa | 31-001 Kraków | 90-001 Łódź",
        "ul. Świętokrzyska {number}/4\n{town}",
    ),
    "SE": Place(
        "Åsa Björn Göran Märta Sölve Ingrid Håkan Örjan Linnéa Karl-Åke",
        "Sjöberg Åkesson Öberg Lindström Hägg Nyström Ekström Söderlund Björk Lövgren",
        "111 20 Stockholm | 411 03 Göteborg | 211 18 Malmö",
        "Drottninggatan {number}, 3 tr\n{town}",
    ),
    "TR": Place(
        "Ayşe Çağrı Gülşen İbrahim Oğuz Özlem Şebnem Tuğba Ümit Yiğit",
        "Yılmaz Şahin Öztürk Çelik Kılıç Doğan Aydın Güneş Koç Erdoğdu",
        "34110 İstanbul | 06420 Ankara | 35220 İzmir",
        "İstiklal Caddesi No: {number}, Kat 3\n{town}",
    ),
    "US": Place(
        "Mary-Jane Ashley Tyrone Siobhán Dwayne Renée Zachary Beyoncé Earl Dolores",
        "O'Brien Smith Washington McDonald Peña-Lopez Van_Buren Johnson Nguyễn St._Clair Lee",
        "Portland, OR 97204 | Austin, TX 78701 | Brooklyn, NY 11201",
        "{number} Main St., Apt. 4\n{town}",
    ),
    "VN": Place(
        "Đức Thị_Mai Quốc_Anh Hương Dũng Ngọc_Ánh Tuấn Hạnh",
        "Nguyễn Trần Phạm Hoàng Đặng Vũ Bùi Đỗ",
        "Hà Nội | Thành phố Hồ Chí Minh | Đà Nẵng",
        "{number} phố Hàng Bông\n{town}",
    ),
}

# Letters that Unicode does not take apart into a Latin letter and a mark.
LATIN = str.maketrans({"ł": "l", "đ": "d", "ß": "ss", "ı": "i", "ø": "o", "'": "", ".": "", "_": "", " ": ""})
